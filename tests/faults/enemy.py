"""The new enemy: a right that is taken away on one server, and asked about on the other.

Between the two something of value appears that is meant to be safe from the former holder. Whoever
passes the version of the revocation must never be told that the right is still there; whoever does
not may be, but not for longer than the bound. Run as a program for many runs.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from tenantry.testing.users import ADMIN_PASSWORD, PASSWORD
from tests.faults.serving import Serving, both_serving

BOUND = 2.0
"""The setting's default."""
SLACK = 0.5
"""What the way over HTTP may add on a busy machine."""
ENDS = ("terminate", "lock", "password")
"""How sessions end, in turns."""


@dataclass
class Findings:
    """What the other server said after each revocation."""

    stale: list[float] = field(default_factory=list)
    """For how many seconds the old answer was still given, without the version."""
    stale_with_version: int = 0
    sessions: list[float] = field(default_factory=list)
    """For how many seconds a session that had ended was still let in, or found good."""

    @property
    def longest(self) -> float:
        """The most that anything old was still true."""
        return max([0.0, *self.stale, *self.sessions])


@dataclass
class Enemy:
    """Two servers, an administrator at the first, and john, who is asked about at the second."""

    http: httpx2.AsyncClient
    here: str
    there: str
    admin: str = ""

    async def ask(self, url: str, path: str, token: str | None = None, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.admin}"} if path != "login" else {}
        return await self.http.post(f"{url}/api/v1/{path}", json=body, headers=headers)

    async def prepare(self) -> None:
        """Log in, and make john."""
        self.admin = await self.log_in("root", ADMIN_PASSWORD)
        answer = await self.ask(self.here, "users", username="john", password=PASSWORD)
        assert answer.status_code == 201, answer.text

    async def log_in(self, username: str, password: str) -> str:
        answer = await self.ask(self.here, "login", username=username, password=password)
        return str(answer.json()["session_token"])

    async def change(self, verb: str) -> int:
        """Give or take the right on the first server; the version of it."""
        path = "grants" if verb == "give" else "grants/revoke"
        answer = await self.ask(
            self.here, path, principal="john", permissions=["SELECT"], database="sales"
        )
        assert answer.status_code < 300, answer.text
        return int(answer.headers["Tenantry-Version"])

    async def may(self, at_least: int | None = None) -> bool:
        """What the second server says."""
        more: dict[str, Any] = {} if at_least is None else {"at_least": at_least}
        answer = await self.ask(
            self.there, "check", user="john", permission="SELECT", database="sales", **more
        )
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["allowed"])

    async def run(self, runs: int, findings: Findings) -> None:
        """Give, take and ask, so often; by turns with the version first and without."""
        for number in range(runs):
            given = await self.change("give")
            assert await self.may(given)
            taken = await self.change("take")
            began = time.monotonic()
            if number % 2:
                findings.stale_with_version += await self.may(taken)
            findings.stale.append(await lasting(self.may, began))
            findings.stale_with_version += await self.may(taken)

    async def validate(self, token: str, at_least: int | None = None) -> bool:
        """Whether the second server finds a session good."""
        more: dict[str, Any] = {} if at_least is None else {"at_least": at_least}
        answer = await self.ask(self.there, "sessions/validate", session_token=token, **more)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["valid"])

    async def is_let_in(self, token: str) -> bool:
        """Whether the second server answers a check of who bears the token."""
        asked = {"user": "current_user", "permission": "SELECT"}
        answer = await self.ask(self.there, "check", token, **asked)
        assert answer.status_code in (200, 401), answer.text
        return bool(answer.status_code == 200)

    async def end(self, how: str, token: str) -> int:
        """End john's session on the first server; the version of it."""
        answer = await {
            "terminate": lambda: self.ask(self.here, "sessions/terminate", session_token=token),
            "lock": lambda: self.ask(self.here, "users/john/lock", reason="test"),
            "password": lambda: self.modify(password=PASSWORD + how),
        }[how]()
        assert answer.status_code < 300, answer.text
        return int(answer.headers["Tenantry-Version"])

    async def make_good(self, how: str) -> None:
        """Let john log in as before."""
        if how == "lock":
            assert (await self.ask(self.here, "users/john/unlock")).status_code == 200
        if how == "password":
            assert (await self.modify(password=PASSWORD)).status_code == 200

    async def modify(self, **fields: str) -> Any:
        """Change john on the first server."""
        headers = {"Authorization": f"Bearer {self.admin}"}
        return await self.http.patch(f"{self.here}/api/v1/users/john", json=fields, headers=headers)

    async def run_sessions(self, runs: int, findings: Findings) -> None:
        """Log in here, be let in there, end it here, and ask there; as above by turns."""
        for number in range(runs):
            how = ENDS[number % len(ENDS)]
            token = await self.log_in("john", PASSWORD)
            for _ in range(2):
                assert await self.is_let_in(token)
                assert await self.validate(token)
            ended = await self.end(how, token)
            began = time.monotonic()
            if number % 2:
                findings.stale_with_version += await self.validate(token, ended)
            findings.sessions.append(await lasting(partial(self.validate, token), began))
            findings.sessions.append(await lasting(partial(self.is_let_in, token), began))
            findings.stale_with_version += await self.validate(token, ended)
            await self.make_good(how)


async def lasting(holds: Callable[[], Awaitable[bool]], began: float) -> float:
    """For how long after that moment it was still said, seen from whoever asks."""
    last = 0.0
    while True:
        asked = time.monotonic()
        if not await holds():
            return last
        last = asked - began
        if last > BOUND + 2 * SLACK:
            return last


async def main(folder: Path, runs: int) -> None:
    """Many runs, on an installation in this folder."""
    first = Serving(folder)
    findings = Findings()
    try:
        async with (
            both_serving(first) as (here, there),
            httpx2.AsyncClient(trust_env=False, timeout=20) as http,
        ):
            enemy = Enemy(http, here, there)
            await enemy.prepare()
            await enemy.run(runs, findings)
            await enemy.run_sessions(runs // 10, findings)
    finally:
        first.clean_up()
    print(f"{runs} revocations: {findings.stale_with_version} stale answers with the version;")
    stale = sorted(findings.stale)
    late = sum(1 for one in stale if one > 0)
    print(f"without it {late} runs saw the old answer, at most for {stale[-1] * 1000:.1f} ms")
    most = max(findings.sessions) * 1000
    print(f"{len(findings.sessions)} times an ended session was asked about: at most {most:.1f} ms")
    if findings.stale_with_version or findings.longest > BOUND + SLACK:
        raise SystemExit("the new enemy got in")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenantry-enemy-") as temporary:
        Path(temporary).chmod(0o711)  # PostgreSQL may run as another user than root
        asyncio.run(main(Path(temporary), options.runs))
