"""What becomes of a server that gets more logins than it can hash, and of everybody else there.

First as many clients as keep it busy log in by turns: that is its peak. Then five times as many
logins begin in each second as it could bear. All the while somebody else asks who bears a session.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable
from typing import TypeVar

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
WHOAMI = "/api/v1/me"


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
        self._asked = {"idle": [0.0], "peak": [0.0], "overload": [0.0]}

    async def run(self) -> list[Result]:
        """Some rounds of the peak and of too much, and what they came to."""
        process = psutil.Process(self._server.process)
        await self._flood("peak", clients=4 * (os.cpu_count() or 1))  # to warm up
        for taken in self._asked.values():
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
        line = await Line.to(self._server.port, self._token)
        under_way = asyncio.ensure_future(flood)
        while not under_way.done():
            began = time.perf_counter()
            await line.get(WHOAMI)
            self._asked[when].append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE)
        line.close()
        return await under_way

    def _others(self) -> list[Result]:
        idle = self._asked["idle"]
        return [
            _result("who bears a session", idle, idle, is_reference=True),
            _result("the same at the peak", self._asked["peak"], idle),
            _result(f"the same with {TIMES} times as many", self._asked["overload"], idle),
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
            name=f"with {TIMES} times as many, {share:.0%} turned away",
            calls=answered,
            median=statistics.median(1 / _good(told) for told in floods),
            late=max(1 / _good(told) for told in floods),
            ratios=ratios,
            goal=f"at most {1 / GOODPUT:.2f} x",
        ),
        Result(
            name=f"being turned away; {memory}",
            calls=away,
            median=statistics.median(waited) if waited else 0.0,
            late=waited[int(len(waited) * 0.95)] if waited else 0.0,
            ratios=(1.0,),
        ),
    ]


def _result(
    name: str, taken: list[float], idle: list[float], *, is_reference: bool = False
) -> Result:
    ordered = sorted(taken)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return Result(
        name=f"{name}, p99 {span(late)}",
        calls=len(ordered),
        median=statistics.median(ordered),
        late=ordered[int(len(ordered) * 0.95)],
        ratios=(statistics.median(ordered) / statistics.median(idle),),
        goal="" if is_reference else f"p99 below {span(PROMPT)}",
        is_reference=is_reference,
    )
