"""Nothing waits for long: not for a connection, a lock, or a statement that takes forever."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import asyncpg
import pytest

from tenantry.app import App, open_app
from tenantry.errors import ConnectionError
from tenantry.kernel.modifier import TriState
from tenantry.kernel.transaction import Statement
from tenantry.settings import Settings
from tenantry.testing.users import make_user
from tenantry.users.actions import GetUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier

pytestmark = pytest.mark.anyio

ACQUIRE_SECONDS = 1.0
SLEEP = Statement("test.sleep", "Take longer than anybody waits.", "select pg_sleep(20)")
LOCK = "select from users where username = $1 for update"


@pytest.fixture
async def hurried(tenantry: App, settings: Settings) -> AsyncIterator[App]:
    """A second app on the test's database, with few connections and short deadlines."""
    short = replace(
        settings,
        database_pool_max=3,
        database_acquire_timeout=ACQUIRE_SECONDS,
        statement_timeout=1.0,
        lock_timeout=0.4,
        request_timeout=1.5,
    )
    async with open_app(short, upkeep=False) as app:
        yield app


def describe(name: str) -> ModifyUserAction:
    return ModifyUserAction(
        user=name, modifier=UserModifier(description=TriState.update("changed"))
    )


async def test_who_finds_no_free_connection_is_refused_after_a_second(
    hurried: App, john: UserData
) -> None:
    async def refused() -> float:
        began = time.monotonic()
        with pytest.raises(ConnectionError, match="busy"):
            await hurried.users.get_user.wait_for_complete(GetUserAction(user="john"))
        return time.monotonic() - began

    async with AsyncExitStack() as stack:
        for _ in range(hurried.settings.database_pool_max):
            await stack.enter_async_context(hurried.database.autocommit())
        took = sorted(await asyncio.gather(*(refused() for _ in range(200))))
    assert took[0] > 0.9 * ACQUIRE_SECONDS
    assert took[-1] < ACQUIRE_SECONDS + 1.0
    assert (await hurried.users.get_user.wait_for_complete(GetUserAction(user="john"))).data == john


async def test_a_row_that_stays_locked_is_waited_for_shortly_and_the_others_are_not_touched(
    hurried: App, owner: asyncpg.Connection, john: UserData
) -> None:
    await make_user(hurried, "jane")
    async with owner.transaction():
        await owner.execute(LOCK, "john")
        began = time.monotonic()
        with pytest.raises(ConnectionError, match="too long"):
            await hurried.users.modify_user.wait_for_complete(describe("john"))
        assert 0.3 < time.monotonic() - began < 5
        changed = await hurried.users.modify_user.wait_for_complete(describe("jane"))
        assert changed.data.version == 2
    changed = await hurried.users.modify_user.wait_for_complete(describe("john"))
    assert changed.data.version == 2


async def test_a_statement_that_takes_forever_is_given_up(hurried: App, john: UserData) -> None:
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="too long"):
        async with hurried.database.transaction() as tx:
            await tx.fetchval(SLEEP)
    assert time.monotonic() - began < 6
    await hurried.users.get_user.wait_for_complete(GetUserAction(user="john"))


async def test_a_transaction_left_open_loses_its_locks(
    hurried: App, tenantry: App, john: UserData
) -> None:
    async def hold() -> None:
        async with hurried.database.transaction() as tx:
            await tx.execute(Statement("test.lock", "Lock a row.", LOCK), "john")
            await asyncio.sleep(2.0)

    holding = asyncio.create_task(hold())
    await asyncio.sleep(1.7)
    changed = await tenantry.users.modify_user.wait_for_complete(describe("john"))
    assert changed.data.version == 2
    with pytest.raises(ConnectionError, match="reached"):
        await holding
