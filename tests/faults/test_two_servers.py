"""Two servers on one database: what one of them does holds for the other at the next request."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tenantry.second_factor.codes import code_at, step_at
from tenantry.testing.users import ADMIN_PASSWORD, PASSWORD
from tests.faults.conftest import MakeServing
from tests.faults.serving import SERVE, both_serving

pytestmark = pytest.mark.anyio

NAIVE = (sys.executable, str(Path(__file__).with_name("naive_single_use.py")))
REMEMBERING = (sys.executable, str(Path(__file__).with_name("naive_memory.py")))
MANY = 20
OTHER_PASSWORD = "quite another passphrase"


@dataclass
class Two:
    """Both servers, asked over HTTP."""

    http: httpx2.AsyncClient
    urls: tuple[str, str]
    admin: str = ""

    async def ask(
        self, server: int, method: str, path: str, token: str | None = None, **body: object
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = body if method not in ("GET", "DELETE") else None
        url = f"{self.urls[server % 2]}/api/v1/{path}"
        return await self.http.request(method, url, json=content, headers=headers)

    async def done(
        self, server: int, method: str, path: str, token: str | None = None, **body: object
    ) -> dict[str, Any]:
        """The answer, which must be a success."""
        answer = await self.ask(server, method, path, token, **body)
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    async def log_in(self, server: int, username: str = "john", password: str = PASSWORD) -> str:
        answer = await self.done(server, "POST", "login", username=username, password=password)
        return str(answer["session_token"])

    async def is_let_in(self, server: int, token: str) -> bool:
        status = (await self.ask(server, "GET", "me", token)).status_code
        assert status in (200, 401)
        return status == 200


@asynccontextmanager
async def both(make_serving: MakeServing, command: Sequence[str] = SERVE) -> AsyncIterator[Two]:
    """Two processes, started one after the other in one folder, and a user."""
    limits = httpx2.Limits(max_connections=2 * MANY)
    async with (
        both_serving(make_serving(command)) as urls,
        httpx2.AsyncClient(trust_env=False, timeout=20, limits=limits) as http,
    ):
        two = Two(http, urls)
        two.admin = await two.log_in(0, "root", ADMIN_PASSWORD)
        await two.done(0, "POST", "users", two.admin, username="john", password=PASSWORD)
        yield two


Happen = Callable[[Two, str], Coroutine[Any, Any, object]]


def happens() -> dict[str, Happen]:
    """What one server does, with the administrator's token or the user's own."""

    def by_admin(method: str, path: str, **body: object) -> Happen:
        return lambda two, own: two.done(0, method, path, two.admin, **body)

    def by_user(method: str, path: str, **body: object) -> Happen:
        return lambda two, own: two.done(0, method, path, own, **body)

    return {
        "lock": by_admin("POST", "users/john/lock", reason="odd logins"),
        "unlock": by_admin("POST", "users/john/unlock"),
        "password": by_admin("PATCH", "users/john", password=OTHER_PASSWORD),
        "own password": by_user(
            "POST", "me/password", current_password=OTHER_PASSWORD, new_password=PASSWORD
        ),
        "role": by_admin("PATCH", "users/john", role="monitor"),
        "status": by_admin("PATCH", "users/john", status="suspended"),
        "active": by_admin("PATCH", "users/john", status="active"),
        "end all": by_admin("POST", "sessions/end-all", user="john"),
        "delete": by_admin("DELETE", "users/john"),
    }


async def test_a_session_ends_on_the_other_server_with_the_next_request(
    make_serving: MakeServing,
) -> None:
    async with both(make_serving) as two:
        password = PASSWORD
        for name, happen in happens().items():
            if name in ("unlock", "active"):
                await happen(two, "")
                continue
            token = await two.log_in(1, password=password)
            assert await two.is_let_in(1, token), name
            await happen(two, token)
            assert not await two.is_let_in(1, token), name
            password = {"password": OTHER_PASSWORD, "own password": PASSWORD}.get(name, password)


async def test_a_server_that_remembers_whose_a_token_is_lets_in_who_is_locked_or_deleted(
    make_serving: MakeServing,
) -> None:
    async with both(make_serving, REMEMBERING) as two:
        for name in ("lock", "unlock", "password", "delete"):
            if name == "unlock":
                await happens()[name](two, "")
                continue
            token = await two.log_in(1)
            assert await two.is_let_in(1, token)
            await happens()[name](two, token)
            assert await two.is_let_in(1, token), name
            if name == "password":
                await two.done(0, "PATCH", "users/john", two.admin, password=PASSWORD)


async def test_a_token_is_refreshed_once_by_both_servers_together(
    make_serving: MakeServing,
) -> None:
    async with both(make_serving) as two:
        for _ in range(3):
            answers = await refreshed_by_all(two)
            assert len(answers) == MANY
            assert len(set(answers)) == 1
            assert await two.is_let_in(0, answers[0])
            assert await two.is_let_in(1, answers[0])


async def test_a_token_that_is_looked_at_first_has_many_successors(
    make_serving: MakeServing,
) -> None:
    async with both(make_serving, NAIVE) as two:
        forks = [len(set(await refreshed_by_all(two))) for _ in range(5)]
        assert max(forks) > 1


async def refreshed_by_all(two: Two) -> list[str]:
    """The successors that twenty refreshes with one token got, half of them at each server."""
    token = await two.log_in(0)
    asking = (
        two.ask(i, "POST", "sessions/refresh", token, session_token=token) for i in range(MANY)
    )
    answers = [answer for answer in await asyncio.gather(*asking) if answer.status_code < 300]
    return [answer.json()["session_id"] for answer in answers]


async def test_a_code_logs_in_once_on_both_servers_together(make_serving: MakeServing) -> None:
    async with both(make_serving) as two:
        assert await logins_with_one_code(two) == 1


async def test_a_code_that_is_looked_at_first_logs_in_often(make_serving: MakeServing) -> None:
    async with both(make_serving, NAIVE) as two:
        assert await logins_with_one_code(two) > 1


async def logins_with_one_code(two: Two) -> int:
    """How many of many logins at once succeed that give the same code, half at each server."""
    token = await two.log_in(0)
    enrolled = await two.done(0, "POST", "second-factor", token, password=PASSWORD)
    secret = base64.b32decode(enrolled["secret"])
    step = step_at(datetime.now(UTC))
    await two.done(0, "POST", "second-factor/proof", token, code=code_at(secret, step - 1))
    code = code_at(secret, step)
    # As many as are looked at without a delay, which comes after some failures.
    asking = (
        two.ask(i, "POST", "login", username="john", password=PASSWORD, totp_code=code)
        for i in range(6)
    )
    answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} <= {200, 401}
    return sum(answer.status_code == 200 for answer in answers)


async def test_guesses_at_both_servers_share_one_count(make_serving: MakeServing) -> None:
    async with both(make_serving) as two:
        guesses = (
            two.ask(i, "POST", "login", username="john", password=f"guess {i}") for i in range(40)
        )
        assert {answer.status_code for answer in await asyncio.gather(*guesses)} == {401}
        found = await two.done(0, "GET", "audit?action=login&user=john&limit=1000", two.admin)
        reasons = [entry["reason"] for entry in found["items"]]
        assert len(reasons) == 40
        assert 1 <= reasons.count("wrong_password") <= 10
