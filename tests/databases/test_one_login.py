"""Two who ask for a login of one user at once: what is handed out works, or nothing is."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tenantry.adapters.databases.mysql_connector import MysqlConnector
from tenantry.adapters.databases.postgresql_connector import PostgresConnector
from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.login_actions import DatabaseLogin
from tenantry.errors import ConnectionError, PermissionError, StateConflict
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData
from tests.databases.conftest import Somewhere

pytestmark = pytest.mark.anyio

CONNECTORS: tuple[type, ...] = (PostgresConnector, MysqlConnector)


class Slow:
    """Holds the first call of a connector's method back until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        for connector in CONNECTORS:
            original: Callable[..., Awaitable[Any]] = getattr(connector, method)
            monkeypatch.setattr(connector, method, self._held_back(original))

    def _held_back(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def method(*arguments: object) -> Any:
            if not self.reached.is_set():
                self.reached.set()
                await self.go_on.wait()
            return await original(*arguments)

        return method


@pytest.fixture
async def ready(somewhere: Somewhere, ada: UserData) -> Somewhere:
    """A shop in which Ada may read."""
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    return somewhere


def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build in which whoever asks has the login to himself."""

    async def granted(*_: object) -> bool:
        return True

    for name in ("claim_login", "opened_login", "claim_ended_login"):
        monkeypatch.setattr(EnforcementRepository, name, granted)


async def two_at_once(
    ready: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch
) -> list[DatabaseLogin]:
    """All that is handed out where one is asked for while another one is on its way."""
    slow = Slow(monkeypatch, "open_login")
    first = asyncio.create_task(ready.login(ada, minutes=5))
    await slow.reached.wait()
    second = await asyncio.gather(ready.login(ada, minutes=600), return_exceptions=True)
    slow.go_on.set()
    handed_out = [await first]
    for one in second:
        if isinstance(one, DatabaseLogin):
            handed_out.append(one)
        else:
            assert isinstance(one, StateConflict)
            assert "another login" in str(one).lower()
    return handed_out


async def test_of_two_at_once_each_that_is_handed_out_works(
    ready: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch, clock: ShiftedClock
) -> None:
    handed_out = await two_at_once(ready, ada, monkeypatch)
    assert [await ready.is_let_in(one) for one in handed_out] == [True]
    clock.advance(minutes=6)
    await ready.follow()
    assert not await ready.is_let_in(handed_out[0]), "it is good for as long as was said"


async def test_a_naive_build_hands_out_one_that_does_not(
    ready: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    handed_out = await two_at_once(ready, ada, monkeypatch)
    assert [await ready.is_let_in(one) for one in handed_out] == [True, False]


async def test_one_after_the_other_takes_its_place(ready: Somewhere, ada: UserData) -> None:
    first = await ready.login(ada)
    second = await ready.login(ada)
    assert not await ready.is_let_in(first)
    assert await ready.is_let_in(second)


async def while_an_old_one_is_shut(
    ready: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch
) -> DatabaseLogin | None:
    """What is handed out where an old one is on its way to be shut."""
    slow = Slow(monkeypatch, "close_login")
    shut = asyncio.create_task(ready.follow())
    await slow.reached.wait()
    try:
        found: DatabaseLogin | None = await ready.login(ada)
    except StateConflict:
        found = None
    slow.go_on.set()
    await shut
    return found


async def test_one_asked_for_while_an_old_one_is_shut_is_refused(
    ready: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch, clock: ShiftedClock
) -> None:
    await ready.login(ada, minutes=5)
    clock.advance(minutes=6)
    assert await while_an_old_one_is_shut(ready, ada, monkeypatch) is None
    assert await ready.is_let_in(await ready.login(ada))


async def test_a_naive_build_shuts_the_new_one_with_the_old(
    ready: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch, clock: ShiftedClock
) -> None:
    await ready.login(ada, minutes=5)
    clock.advance(minutes=6)
    unguarded(monkeypatch)
    found = await while_an_old_one_is_shut(ready, ada, monkeypatch)
    assert found is not None
    assert not await ready.is_let_in(found)


async def test_what_the_server_refuses_leaves_the_former_one_as_it_was(
    ready: Somewhere,
    ada: UserData,
    monkeypatch: pytest.MonkeyPatch,
    owner: asyncpg.Connection,
) -> None:
    async def refuse(*_: object) -> None:
        raise PermissionError

    former = await ready.login(ada, minutes=600)
    with monkeypatch.context() as refusing:
        for connector in CONNECTORS:
            refusing.setattr(connector, "open_login", refuse)
        with pytest.raises(StateConflict):
            await ready.login(ada, minutes=5)
    until = await owner.fetchval("select valid_until from database_logins")
    assert until == former.valid_until
    assert await ready.is_let_in(former)


async def test_where_nobody_knows_whether_the_server_did_it_no_login_stays_open(
    ready: Somewhere,
    ada: UserData,
    monkeypatch: pytest.MonkeyPatch,
    clock: ShiftedClock,
    owner: asyncpg.Connection,
) -> None:
    told: list[tuple[str, str]] = []

    def losing(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def opened(self: object, *said: Any) -> None:
            await original(self, *said)
            told.append((said[1], said[2]))
            raise ConnectionError

        return opened

    with monkeypatch.context() as lost:
        for connector in CONNECTORS:
            lost.setattr(connector, "open_login", losing(connector.open_login))  # type: ignore[attr-defined]
        with pytest.raises(ConnectionError):
            await ready.login(ada, minutes=600)
    [(name, password)] = told
    line = await ready.shop.log_in(name, password)
    with pytest.raises(StateConflict):
        await ready.login(ada)
    clock.advance(minutes=2)
    await ready.follow()
    assert not await line.is_open()
    assert await owner.fetchval("select count(*) from database_logins") == 0
    assert await ready.is_let_in(await ready.login(ada))
