"""Logins to managed databases: short, one's own, written down, and over when they should be."""

import logging
from datetime import datetime
from uuid import UUID

import asyncpg
import pytest

from tenantry.adapters.databases.mysql_connector import MysqlConnector
from tenantry.adapters.databases.postgresql_connector import PostgresConnector
from tenantry.app import App
from tenantry.audit.model import AuditEntry
from tenantry.databases.actions import RemoveDatabaseAction
from tenantry.databases.login_actions import LoginToDatabaseAction
from tenantry.databases.logins import DatabaseLogins
from tenantry.databases.managed import ManagedDatabase
from tenantry.errors import ConnectionError, DatabaseNotFound, NotAuthenticated, StateConflict
from tenantry.grants.actions import RevokeAccessAction
from tenantry.kernel.action import ANONYMOUS, acting_as
from tenantry.lockout.actions import LockAccountAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.conftest import Trail
from tests.databases.conftest import Managed, Somewhere
from tests.databases.servers import Shop

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(tenantry: App) -> UserData:
    return await make_user(tenantry, "ada")


async def lock(tenantry: App, user: UserData) -> None:
    action = LockAccountAction(user=user.username, reason="left")
    await tenantry.locks.lock_account.wait_for_complete(action)


async def only_entry(trail: Trail) -> tuple[str, str, str | None]:
    """Who asked, how it ended and why, of the one time that somebody asked for a login."""
    (entry,) = await trail("database.login")
    return entry.actor, entry.outcome, entry.reason


async def rows(owner: asyncpg.Connection) -> int:
    count: int = await owner.fetchval("select count(*) from database_logins")
    return count


async def test_a_login_is_good_for_an_hour_and_written_down_without_its_secret(
    somewhere: Somewhere,
    ada: UserData,
    clock: ShiftedClock,
    trail: Trail,
    owner: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    with acting_as(ada):
        run = somewhere.tenantry.databases.login_to_database.wait_for_complete
        opened = (await run(LoginToDatabaseAction("shop"))).data
    assert abs((opened.valid_until - clock.now()).total_seconds() - 3600) < 60
    assert await somewhere.is_let_in(opened)
    assert await only_entry(trail) == ("ada", "succeeded", None)
    entries: list[AuditEntry] = await trail("database.login")
    stored = await owner.fetch("select * from database_logins")
    for text in (repr(opened), repr(entries), repr(stored), caplog.text):
        assert opened.password not in text
    assert opened.username in repr(entries[0]) or entries[0].changes["valid_until"][1]


async def test_a_login_ends_by_itself_on_either_kind_of_server(
    somewhere: Somewhere, ada: UserData, clock: ShiftedClock, owner: asyncpg.Connection
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    opened = await somewhere.login(ada, minutes=5)
    line = await somewhere.shop.log_in(opened.username, opened.password)
    clock.advance(minutes=4)
    await somewhere.follow()
    assert await line.is_open()
    clock.advance(minutes=2)
    await somewhere.follow()
    assert not await line.is_open()
    assert not await somewhere.is_let_in(opened)
    assert await rows(owner) == 0


async def test_a_lock_shuts_it_on_either_kind_of_server(
    somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    opened = await somewhere.login(ada)
    line = await somewhere.shop.log_in(opened.username, opened.password)
    await lock(somewhere.tenantry, ada)
    await somewhere.follow()
    assert not await line.is_open()
    assert not await somewhere.is_let_in(opened)


async def test_a_refused_login_is_written_down_with_the_reason(
    somewhere: Somewhere, ada: UserData, trail: Trail
) -> None:
    with pytest.raises(DatabaseNotFound):
        await somewhere.login(ada)
    assert await only_entry(trail) == ("ada", "failed", DatabaseNotFound.code)


async def test_so_is_one_by_nobody_and_one_of_which_the_server_knows_nothing_yet(
    tenantry: App, somewhere: Somewhere, ada: UserData, trail: Trail
) -> None:
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await tenantry.databases.login_to_database.wait_for_complete(LoginToDatabaseAction("shop"))
    await somewhere.give(ada, "SELECT")
    with pytest.raises(StateConflict):
        await somewhere.login(ada)
    told = [(entry.outcome, entry.reason) for entry in await trail("database.login")]
    assert told == [("failed", StateConflict.code), ("denied", NotAuthenticated.code)]


async def test_so_is_one_for_which_the_server_is_out_of_reach(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, trail: Trail
) -> None:
    there = Managed(tenantry)
    await there.give(ada, "SELECT", table="orders")
    await there.apply()
    root = await asyncpg.connect(shop.server.dsn("tenantry_owner", "postgres"))
    await root.execute(f"alter database {shop.name} allow_connections false")
    with pytest.raises(ConnectionError):
        await there.login(ada)
    await root.execute(f"alter database {shop.name} allow_connections true")
    await root.close()
    assert await only_entry(trail) == ("ada", "failed", ConnectionError.code)


@pytest.fixture
def locked_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tenantry: App, ada: UserData
) -> list[tuple[str, str]]:
    """Have Ada be locked, and the server follow, just before her login is opened there."""
    opened: list[tuple[str, str]] = []
    for connector in (PostgresConnector, MysqlConnector):
        original = connector.open_login

        async def late(
            self: object,
            scope: UUID,
            name: str,
            password: str,
            valid_until: datetime,
            original: object = original,
        ) -> None:
            await lock(tenantry, ada)
            await tenantry.assembly.databases.watch.run_once()
            await original(self, scope, name, password, valid_until)  # type: ignore[operator]
            opened.append((name, password))

        monkeypatch.setattr(connector, "open_login", late)
    return opened


async def test_who_is_locked_while_the_login_is_made_gets_none(
    somewhere: Somewhere, ada: UserData, trail: Trail, locked_meanwhile: list[tuple[str, str]]
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    with pytest.raises(DatabaseNotFound):
        await somewhere.login(ada)
    [(name, password)] = locked_meanwhile
    with pytest.raises(PermissionError):
        await somewhere.shop.log_in(name, password)
    assert await only_entry(trail) == ("ada", "failed", DatabaseNotFound.code)


async def test_a_naive_build_lets_them_in(
    somewhere: Somewhere,
    ada: UserData,
    locked_meanwhile: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def trusting(*_: object) -> None:
        """What was so a moment ago is taken to be so still."""

    monkeypatch.setattr(DatabaseLogins, "_require_still", trusting)
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    opened = await somewhere.login(ada)
    await somewhere.follow()
    assert await somewhere.is_let_in(opened)


async def test_a_login_whose_account_is_gone_is_forgotten_in_its_time(
    somewhere: Somewhere, ada: UserData, clock: ShiftedClock, owner: asyncpg.Connection
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    await somewhere.login(ada, minutes=5)
    action = RevokeAccessAction(principal="ada", database="shop")
    await somewhere.tenantry.grants.revoke_access.wait_for_complete(action)
    await somewhere.follow()
    clock.advance(minutes=6)
    await somewhere.follow()
    assert await rows(owner) == 0


async def test_a_server_that_cannot_shut_a_login_is_not_asked_all_the_time(
    tenantry: App,
    managed: ManagedDatabase,
    shop: Shop,
    ada: UserData,
    clock: ShiftedClock,
    owner: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = Managed(tenantry)
    await there.give(ada, "SELECT", table="orders")
    await there.apply()
    await there.login(ada, minutes=5)
    root = await asyncpg.connect(shop.server.dsn("tenantry_owner", "postgres"))
    await root.execute(f"alter database {shop.name} allow_connections false")
    clock.advance(minutes=6)
    for _ in range(5):
        await there.follow()
    assert caplog.text.count("does not follow") == 1
    await root.execute(f"alter database {shop.name} allow_connections true")
    await root.close()
    clock.advance(minutes=1)
    await there.follow()
    assert await rows(owner) == 0


async def test_letting_a_database_go_shuts_the_logins_to_it(
    somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    opened = await somewhere.login(ada)
    line = await somewhere.shop.log_in(opened.username, opened.password)
    remove = somewhere.tenantry.databases.remove_database.wait_for_complete
    await remove(RemoveDatabaseAction("shop"))
    assert not await line.is_open()
    assert not await somewhere.is_let_in(opened)


async def test_it_is_not_let_go_while_they_cannot_be_shut_unless_that_is_forced(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    there = Managed(tenantry)
    await there.give(ada, "SELECT", table="orders")
    await there.apply()
    await there.login(ada)
    root = await asyncpg.connect(shop.server.dsn("tenantry_owner", "postgres"))
    await root.execute(f"alter database {shop.name} allow_connections false")
    remove = tenantry.databases.remove_database.wait_for_complete
    with pytest.raises(ConnectionError):
        await remove(RemoveDatabaseAction("shop"))
    assert (await remove(RemoveDatabaseAction("shop", force=True))).data.name == "shop"
    await root.execute(f"alter database {shop.name} allow_connections true")
    await root.close()
