"""More logins than can be hashed: some are turned away, early, and nobody pays for it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx2
import pytest

from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.adapters.hash_threads import HashThreads
from tenantry.app import App
from tenantry.auth.actions import AuthenticationResult
from tenantry.errors import Overloaded
from tenantry.http.server import create_asgi
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Awaitable[AuthenticationResult]]
WRONG = "not the passphrase"


@pytest.fixture
def threads(tenantry: App) -> HashThreads:
    hasher = tenantry.auth_service._hasher
    assert isinstance(hasher, ThreadedHasher)
    return hasher._threads


@pytest.fixture
async def busy(threads: HashThreads) -> AsyncIterator[threading.Event]:
    """Every thread hashes until the event is set."""
    end = threading.Event()
    hashing = [asyncio.create_task(threads.run(end.wait)) for _ in range(threads._count)]
    yield end
    end.set()
    await asyncio.gather(*hashing)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads and others set no event
            await asyncio.sleep(0.001)


@pytest.fixture
def full(threads: HashThreads) -> HashThreads:
    """As many have a place as there are places."""
    threads._places += threads.room
    return threads


async def test_who_finds_no_place_is_turned_away_before_anything_was_done(
    tenantry: App, john: UserData, login: Login, owner: asyncpg.Connection, full: HashThreads
) -> None:
    entries = await owner.fetchval("select count(*) from audit_entries")
    for name in ("john", "nobody") * tenantry.settings.max_failed_attempts:
        with pytest.raises(Overloaded):
            await login(name, WRONG)
    assert await owner.fetchval("select count(*) from attempts") == 0
    assert await owner.fetchval("select count(*) from audit_entries") == entries
    full._places = 0
    assert (await login("john", PASSWORD)).success


async def test_over_http_it_is_told_when_to_come_back(
    tenantry: App, john: UserData, full: HashThreads
) -> None:
    transport = httpx2.ASGITransport(app=create_asgi(tenantry))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        wanted = {"username": "john", "password": PASSWORD}
        answer = await client.post("/api/v1/login", json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert int(answer.headers["Retry-After"]) >= 1
        full._places = 0
        assert (await client.post("/api/v1/login", json=wanted)).status_code == 200


async def test_who_has_waited_for_too_long_gets_the_attempt_back(
    tenantry: App,
    john: UserData,
    login: Login,
    owner: asyncpg.Connection,
    threads: HashThreads,
    busy: threading.Event,
) -> None:
    threads._wait = 0.01
    logins = [asyncio.ensure_future(login("john", WRONG)) for _ in range(5)]
    await until(lambda: len(threads._waiting) == 5)
    await asyncio.sleep(0.02)
    busy.set()
    results = await asyncio.gather(*logins, return_exceptions=True)
    assert all(isinstance(result, Overloaded) for result in results)
    counted = await owner.fetch("select failures, pending from attempts")
    assert {tuple(row) for row in counted} == {(0, 0)}
    threads._wait = 60.0
    assert (await login("john", PASSWORD)).success


async def test_of_many_logins_as_many_are_hashed_as_have_a_place(
    tenantry: App, login: Login, threads: HashThreads, busy: threading.Event
) -> None:
    threads._queue = 3
    names = [(await make_user(tenantry, password=None)).username for _ in range(20)]
    logins = [asyncio.ensure_future(login(name, WRONG)) for name in names]
    room = threads.room - threads._count
    await until(lambda: len(threads._waiting) == room)
    busy.set()
    results = await asyncio.gather(*logins, return_exceptions=True)
    turned_away = [result for result in results if isinstance(result, Overloaded)]
    verdicts = [result for result in results if isinstance(result, AuthenticationResult)]
    assert room <= len(verdicts) <= threads.room
    assert len(verdicts) + len(turned_away) == 20


async def test_who_waits_after_a_failure_takes_no_place_from_others(
    tenantry: App, john: UserData, login: Login, threads: HashThreads
) -> None:
    lockout = tenantry.auth_service._lockout
    lockout._policy = replace(lockout._policy, longest_delay=timedelta(seconds=2))
    await make_user(tenantry, "jane", email="jane@example.com")
    for _ in range(4):
        await login("john", WRONG)
    threads._queue = 0
    waiting = [asyncio.ensure_future(login("john", WRONG)) for _ in range(threads.room)]
    await until(lambda: lockout.delayed == len(waiting))
    assert (await login("jane", PASSWORD)).success
    await asyncio.gather(*waiting, return_exceptions=True)
