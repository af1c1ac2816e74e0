"""Checks over HTTP, one and a thousand a call, and sessions validated, against a constant answer.

What counts is the processor time of the server's process, which others on the machine do not
change: a check's share of it, and so how many one core answers in a second.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import msgspec

from bench.http_get import Line
from bench.rounds import Effort, Result
from bench.serving import Serving, serving
from bench.world import PASSWORD, World
from tenantry.auth.actions import AuthenticateAction
from tenantry.grants.actions import GiveAction

TITLE = (
    "check_http: processor time of a check over HTTP over that of an app that answers a constant"
)
SINGLE, BATCHED = 8_000, 200_000
"""Checks a second that one core must answer: one by one, and a thousand a call."""
VALIDATE = "/api/v1/sessions/validate"
AT_ONCE = 16
A_CALL = 1000
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Series:
    """The same kind of request again and again, to one server."""

    name: str
    server: Serving
    token: str | None
    path: str
    bodies: Sequence[bytes]
    checks: int
    calls: int
    goal: str = ""

    async def run(self) -> float:
        """Seconds of the server's processor for one check."""
        bodies = islice(cycle(self.bodies), self.calls)
        # A connection that rests while others have their turn is closed by the server.
        lines = [await Line.to(self.server.port, self.token) for _ in range(AT_ONCE)]
        before = processor_seconds(self.server.process)
        await asyncio.gather(*(self._ask(line, bodies) for line in lines))
        taken = processor_seconds(self.server.process) - before
        for line in lines:
            line.close()
        return taken / self.calls / self.checks

    async def _ask(self, line: Line, bodies: "islice[bytes]") -> None:
        for body in bodies:
            status, head, _ = await line.ask("POST", self.path, body)
            if status != 200:
                raise RuntimeError(head.decode())


def processor_seconds(process: int) -> float:
    """What a process and its threads have used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


async def measure(world: World, effort: Effort) -> list[Result]:
    """Both servers are processes of their own."""
    names = await world.some_usernames(500)
    for name in names[:100]:
        await world.app.run(
            GiveAction(principal=name, permissions=["SELECT", "INSERT"], database="sales")
        )
    questions = [
        {"user": name, "permission": permission, "database": "sales", "table": f"t{number % 20}"}
        for number, name in enumerate(names)
        for permission in ("SELECT", "DELETE")
    ]
    login = AuthenticateAction("root", PASSWORD, raise_on_failure=True)
    token = (await world.app.auth.authenticate.wait_for_complete(login)).session_token
    encode = msgspec.json.encode
    one = [encode(question) for question in questions]
    many = [encode({"questions": (questions * 2)[:A_CALL]})]
    session = [encode({"session_token": token})]
    calls = 1000 if effort.quick else 4000
    async with serving(world.folder) as ours, constant() as theirs:
        path, single = "/api/v1/check", f"{SINGLE:,}/s a core"
        series = [
            Series("an app that answers a constant", theirs, token, "/", one, 1, calls),
            Series("one check a call", ours, token, path, one, 1, calls, single),
            Series("a session validated", ours, token, VALIDATE, session, 1, calls, single),
            Series(
                f"{A_CALL} checks a call, each",
                ours,
                token,
                f"{path}s",
                many,
                A_CALL,
                calls // 20,
                f"{BATCHED:,}/s a core",
            ),
        ]
        return await rounds(series, effort)


async def rounds(series: Sequence[Series], effort: Effort) -> list[Result]:
    """All in turns; the first warms what there is to warm."""
    for one in series:
        await one.run()
    taken: list[list[float]] = [[] for _ in series]
    for _ in range(5 if effort.quick else 9):
        for place, one in enumerate(series):
            taken[place].append(await one.run())
    return [
        Result(
            name=f"{one.name}: {1 / sorted(mine)[len(mine) // 2]:,.0f}/s a core",
            calls=one.calls * len(mine),
            median=sorted(mine)[len(mine) // 2],
            late=max(mine),
            ratios=tuple(m / r for m, r in zip(mine, taken[0], strict=True)),
            goal=one.goal,
            is_reference=one is series[0],
        )
        for one, mine in zip(series, taken, strict=True)
    ]


@asynccontextmanager
async def constant() -> AsyncIterator[Serving]:
    """The app that answers a constant, as a process."""
    command = (sys.executable, "-m", "bench.bare_asgi")
    server = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220 - it only starts
    assert server.stdout is not None
    try:
        port = int(await asyncio.to_thread(server.stdout.readline))
        await asyncio.sleep(0.5)
        yield Serving(port, server.pid)
    finally:
        server.send_signal(signal.SIGINT)
        await asyncio.to_thread(server.wait, 10)
        server.stdout.close()
