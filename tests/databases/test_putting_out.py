"""Who may no longer come in is put out of the server, at once or after a crash, and it is told."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tenantry.adapters.databases import postgresql_connector
from tenantry.app import App
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.errors import ConnectionError
from tenantry.grants.actions import RevokeAccessAction, RevokeAction
from tenantry.kernel.action import Action
from tenantry.lockout.actions import LockAccountAction
from tenantry.tenants.actions import SuspendTenantAction
from tenantry.tenants.model import CreatedTenant
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, PurgeUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail
from tests.databases.servers import Shop
from tests.databases.test_enforcement import (
    READ_ORDERS,
    apply,
    follow,
    give,
    login,
    plan,
    standing,
)

pytestmark = pytest.mark.anyio


async def test_a_revocation_puts_out_who_is_in_and_the_audit_says_how_many(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, trail: Trail
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    await apply(tenantry)
    opened = await login(tenantry, ada)
    session = await shop.connect(opened.username, opened.password)
    revoke = RevokeAccessAction(principal="ada", database="shop")
    await tenantry.grants.revoke_access.wait_for_complete(revoke)
    await follow(tenantry)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetch("select 1")
    newest = (await trail("database.apply"))[0]
    assert newest.changes["connections_ended"] == [None, {"ada": 1}]


@pytest.mark.parametrize("end", ["lock", "delete", "purge", "suspend the tenant", "time"])
async def test_who_may_no_longer_come_in_is_put_out(
    end: str,
    tenantry: App,
    managed: ManagedDatabase,
    shop: Shop,
    trail: Trail,
    acme: CreatedTenant,
    clock: ShiftedClock,
) -> None:
    ben = await make_user(tenantry, "ben", domain_name="acme")
    await give(
        tenantry, ben, "SELECT", table="orders", valid_until=clock.now() + timedelta(hours=1)
    )
    await apply(tenantry)
    opened = await login(tenantry, ben)
    session = await shop.connect(opened.username, opened.password)
    assert await session.fetch(READ_ORDERS) == []
    actions: dict[str, Action[Any]] = {
        "lock": LockAccountAction(user="ben", reason="left"),
        "delete": DeleteUserAction(user="ben"),
        "purge": PurgeUserAction(user="ben"),
        "suspend the tenant": SuspendTenantAction("acme"),
    }
    if end == "time":
        clock.advance(hours=2)
    else:
        await tenantry.run(actions[end])
    await follow(tenantry)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetch("select 1")
    with pytest.raises(asyncpg.PostgresError):
        await shop.connect(opened.username, opened.password)
    [ended] = [
        entry.changes["connections_ended"]
        for entry in await trail("database.apply")
        if "connections_ended" in entry.changes
    ]
    who = opened.username if end == "purge" else "ben"
    assert ended == [None, {who: 1}]


async def test_who_was_to_be_put_out_when_a_plan_broke_off_is_put_out_by_the_next(
    tenantry: App,
    managed: ManagedDatabase,
    shop: Shop,
    ada: UserData,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    await give(tenantry, ada, "SELECT", table="people")
    await apply(tenantry)
    opened = await login(tenantry, ada)
    session = await shop.connect(opened.username, opened.password)
    revoke = RevokeAction(principal="ada", permissions=["SELECT"], database="shop", table="orders")
    await tenantry.grants.revoke.wait_for_complete(revoke)
    with monkeypatch.context() as broken:
        broken.setattr(postgresql_connector, "_end", _lost)
        await follow(tenantry)
    assert await standing(tenantry) is Standing.FAILING
    assert (await plan(tenantry)).empty, "the revocation itself was done"
    assert await session.fetchval("select 1") == 1
    clock.advance(minutes=10)
    await follow(tenantry)
    assert await standing(tenantry) is Standing.APPLIED
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetch("select 1")


async def _lost(_: asyncpg.Connection, names: Sequence[str]) -> Counter[str]:
    """The line is lost just when connections were to be ended."""
    if names:
        raise ConnectionError
    return Counter()
