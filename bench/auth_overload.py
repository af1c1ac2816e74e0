"""What becomes of a server that gets more logins than it can hash, and of everybody else there.

First as many clients as keep it busy log in by turns: that is its peak. Then five times as many
logins begin in each second as it could bear. All the while somebody else has a session validated,
and asks who bears it, which the database answers.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import msgspec
import psutil

from bench.flood import Order, Told
from bench.http_get import Line
from bench.rounds import Effort, Result
from bench.serving import Serving, serving
from bench.tables import span
from bench.world import PASSWORD, World
from tenantry.auth.actions import AuthenticateAction

T = TypeVar("T")

TITLE = "auth_overload: logins over HTTP at the peak, and at five times that; others beside them"
ROUNDS, TIMES = 3, 5
SHORTEST = 1.5
"""The seconds that a flood takes at least: the queue fills in less."""
PAUSE = 0.01
GOODPUT, PROMPT = 0.8, 0.02
VALIDATE, WHOAMI = "/api/v1/sessions/validate", "/api/v1/me"
VALIDATING, ASKING = "validating", "who is it"
WHENS = {"idle": "", "peak": ", at the peak", "overload": f", {TIMES} times as many"}


async def measure(world: World, effort: Effort) -> list[Result]:
    """The server is another process on the same data, and so is the one that logs in."""
    names = await world.some_usernames(500)
    login = AuthenticateAction("root", PASSWORD, raise_on_failure=True)
    token = (await world.app.auth.authenticate.wait_for_complete(login)).session_token
    seconds = max(SHORTEST, effort.seconds / (2 * ROUNDS))
    async with serving(world.folder) as server:
        bench = _Bench(server, names, seconds, str(token))
        return await bench.run()


class _Bench:
    def __init__(self, server: Serving, names: list[str], seconds: float, token: str) -> None:
        self._server = server
        self._names = names
        self._seconds = seconds
        self._token = token
        self._body = msgspec.json.encode({"session_token": token})
        self._taken: dict[tuple[str, str], list[float]] = {
            (what, when): [] for what in (VALIDATING, ASKING) for when in WHENS
        }

    async def run(self) -> list[Result]:
        """Some rounds of the peak and of too much, and what they came to."""
        process = psutil.Process(self._server.process)
        await self._flood("peak", clients=4 * (os.cpu_count() or 1))  # to warm up
        for taken in self._taken.values():
            taken.clear()
        await self._beside("idle", asyncio.sleep(self._seconds))
        before = process.memory_info().rss
        peaks: list[Told] = []
        floods: list[Told] = []
        largest = before
        for _ in range(ROUNDS):
            peaks.append(await self._flood("peak", clients=4 * (os.cpu_count() or 1)))
            rate = TIMES * _good(peaks[-1])
            floods.append(await self._flood("overload", rate=rate))
            largest = max(largest, process.memory_info().rss)
        return [*_logins(peaks, floods, before, largest), *self._others()]

    async def _flood(self, when: str, *, clients: int = 0, rate: float = 0.0) -> Told:
        order = Order(self._server.port, self._names, PASSWORD, self._seconds, clients, rate)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.flood"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await self._beside(when, process.communicate(msgspec.json.encode(order)))
        return msgspec.json.decode(told, type=Told)

    async def _beside(self, when: str, flood: Awaitable[T]) -> T:
        """Ask who bears a session, again and again, for as long as that takes."""
        under_way = asyncio.ensure_future(flood)
        validating, asking = [await Line.to(self._server.port, self._token) for _ in range(2)]
        asked = ("POST", VALIDATE, self._body), ("GET", WHOAMI)
        await asyncio.gather(
            self._again(validating, asked[0], self._taken[VALIDATING, when], under_way),
            self._again(asking, asked[1], self._taken[ASKING, when], under_way),
        )
        return await under_way

    async def _again(
        self, line: Line, asked: Sequence[Any], taken: list[float], until: "asyncio.Future[T]"
    ) -> None:
        while not until.done():
            began = time.perf_counter()
            status, head, _ = await line.ask(*asked)
            if status != 200:
                raise RuntimeError(head.decode())
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE)
        line.close()

    def _others(self) -> list[Result]:
        return [
            _result(what, when, taken, self._taken[what, "idle"])
            for (what, when), taken in self._taken.items()
        ]


def _good(told: Told) -> float:
    """Logins let in, in a second."""
    return max(1, told.answers.get(200, 0)) / told.seconds


def _logins(peaks: list[Told], floods: list[Told], before: int, largest: int) -> list[Result]:
    away = sum(told.answers.get(503, 0) for told in floods)
    answered = sum(sum(told.answers.values()) for told in floods)
    others = [s for told in floods for s in told.answers if s not in (200, 503)]
    without = sum(told.without_retry_after for told in floods)
    assert not others, f"answered with {others}"
    assert not without, f"{without} were turned away without a Retry-After"
    waited = sorted(s for told in floods for s in told.told_to_wait)
    memory = f"memory {before / 2**20:.0f} to {largest / 2**20:.0f} MiB"
    ratios = tuple(_good(p) / _good(f) for p, f in zip(peaks, floods, strict=True))
    share = away / answered
    return [
        Result(
            name="a login at the peak",
            calls=sum(told.asked for told in peaks),
            median=statistics.median(1 / _good(told) for told in peaks),
            late=max(1 / _good(told) for told in peaks),
            ratios=(1.0,) * len(peaks),
            is_reference=True,
        ),
        Result(
            name=f"{TIMES} times as many, {share:.0%} turned away",
            calls=answered,
            median=statistics.median(1 / _good(told) for told in floods),
            late=max(1 / _good(told) for told in floods),
            ratios=ratios,
            goal=f"at most {1 / GOODPUT:.2f} x",
        ),
        Result(
            name=f"turned away; {memory}",
            calls=away,
            median=statistics.median(waited) if waited else 0.0,
            late=waited[int(len(waited) * 0.95)] if waited else 0.0,
            ratios=(1.0,),
        ),
    ]


def _result(what: str, when: str, taken: list[float], idle: list[float]) -> Result:
    ordered = sorted(taken)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    judged = what == VALIDATING and when != "idle"
    return Result(
        name=f"{what}{WHENS[when]}, p99 {span(late)}",
        calls=len(ordered),
        median=statistics.median(ordered),
        late=ordered[int(len(ordered) * 0.95)],
        ratios=(statistics.median(ordered) / statistics.median(idle),),
        goal=f"p99 below {span(PROMPT)}" if judged else "",
        is_reference=when == "idle",
    )
