"""Who may no longer come in is put out of the server, at once or after a crash, and it is told."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tenantry.adapters.databases import postgresql_connector
from tenantry.adapters.databases.mysql_connector import MysqlConnector
from tenantry.databases.managed import Standing
from tenantry.errors import ConnectionError
from tenantry.grants.actions import CheckAction, RevokeAccessAction, RevokeAction
from tenantry.kernel.action import Action
from tenantry.kernel.modifier import OptionalState
from tenantry.lockout.actions import LockAccountAction
from tenantry.privileges.model import Privilege
from tenantry.tenants.actions import SuspendTenantAction
from tenantry.tenants.model import CreatedTenant
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import (
    DeleteUserAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeUserAction,
)
from tenantry.users.model import UserData, UserModifier, UserStatus
from tests.conftest import Trail
from tests.connectors.shop import Line
from tests.databases.conftest import Somewhere

pytestmark = pytest.mark.anyio


@pytest.fixture
async def line(somewhere: Somewhere, ada: UserData) -> Line:
    """Ada is in, and may read the goods."""
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    return await somewhere.come_in(ada)


async def test_a_revocation_puts_out_who_is_in_and_the_audit_says_how_many(
    somewhere: Somewhere, line: Line, trail: Trail
) -> None:
    revoke = RevokeAccessAction(principal="ada", database="shop")
    await somewhere.tenantry.grants.revoke_access.wait_for_complete(revoke)
    await somewhere.follow()
    assert not await line.is_open()
    newest = (await trail("database.apply"))[0]
    assert newest.changes["connections_ended"] == [None, {"ada": 1}]
    asked = CheckAction(
        user="ada", permission="SELECT", database="shop", table="goods", with_enforcement=True
    )
    found = await somewhere.tenantry.grants.check.wait_for_complete(asked)
    assert not found.allowed
    assert found.enforcement is not None
    assert (found.enforcement.state, found.enforcement.connections_ended) == ("in_effect", 1)
    assert found.enforcement.ended_at is not None


ENDS: dict[str, Action[Any]] = {
    "lock": LockAccountAction(user="ben", reason="left"),
    "suspend": ModifyUserAction(
        user="ben", modifier=UserModifier(status=OptionalState.update(UserStatus.SUSPENDED))
    ),
    "delete": DeleteUserAction(user="ben"),
    "purge": PurgeUserAction(user="ben"),
    "suspend the tenant": SuspendTenantAction("acme"),
}


@pytest.mark.parametrize("end", [*ENDS, "time"])
async def test_who_may_no_longer_come_in_is_put_out(
    end: str,
    somewhere: Somewhere,
    trail: Trail,
    acme: CreatedTenant,
    clock: ShiftedClock,
) -> None:
    ben = await make_user(somewhere.tenantry, "ben", domain_name="acme")
    until = clock.now() + timedelta(hours=1)
    await somewhere.give(ben, "SELECT", table="goods", valid_until=until)
    await somewhere.apply()
    opened = await somewhere.login(ben)
    line = await somewhere.shop.log_in(opened.username, opened.password)
    assert await line.may(Privilege.SELECT, somewhere.shop.tables[0])
    if end == "time":
        clock.advance(hours=2)
    else:
        await done_and_followed(somewhere, ENDS[end])
    await somewhere.follow()
    assert not await line.is_open()
    assert not await somewhere.is_let_in(opened)
    [ended] = [
        entry.changes["connections_ended"]
        for entry in await trail("database.apply")
        if "connections_ended" in entry.changes
    ]
    assert ended == [None, {"ben": 1}]


async def done_and_followed(somewhere: Somewhere, action: Action[Any]) -> Any:
    """Do it while the servers follow, as they do all the time."""
    task = asyncio.create_task(somewhere.tenantry.run(action))
    while not task.done():
        await somewhere.follow()
        await asyncio.wait([task], timeout=0.05)
    return await task


async def test_the_receipt_of_a_purge_says_when_a_server_has_put_out_whom(
    somewhere: Somewhere, line: Line, clock: ShiftedClock
) -> None:
    await make_user(somewhere.tenantry, "ben")
    preview = await somewhere.tenantry.run(PreviewPurgeAction(user="ada"))
    assert preview.data.steps["managed_databases"] == {"shut": [], "pending": ["shop"]}
    before = clock.now()
    receipt = await done_and_followed(somewhere, PurgeUserAction(user="ada"))
    assert not await line.is_open()
    told = receipt.data.steps["managed_databases"]
    [shut] = told["shut"]
    assert (shut["database"], shut["connections_ended"], told["pending"]) == ("shop", 1, [])
    for moment in (shut["shut_at"], shut["ended_at"]):
        assert before <= datetime.fromisoformat(moment) <= clock.now()
    receipt = await done_and_followed(somewhere, PurgeUserAction(user="ben"))
    nowhere: dict[str, list[str]] = {"shut": [], "pending": []}
    assert receipt.data.steps["managed_databases"] == nowhere


async def test_a_server_out_of_reach_holds_no_purge_up_and_is_named(
    somewhere: Somewhere, ada: UserData, clock: ShiftedClock
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    opened = await somewhere.login(ada)
    line = await somewhere.shop.log_in(opened.username, opened.password)
    somewhere.cut()
    receipt = await done_and_followed(somewhere, PurgeUserAction(user="ada"))
    assert receipt.data.done
    assert receipt.data.steps["managed_databases"] == {"shut": [], "pending": ["shop"]}
    assert await line.is_open()
    somewhere.join()
    clock.advance(hours=1)
    await somewhere.follow()
    assert not await line.is_open()
    assert not await somewhere.is_let_in(opened)


async def test_a_grant_that_ends_by_time_ends_on_the_server_and_the_rest_stays(
    somewhere: Somewhere, ada: UserData, clock: ShiftedClock
) -> None:
    goods, orders = somewhere.shop.tables[:2]
    schema = orders.schema
    soon = clock.now() + timedelta(hours=1)
    await somewhere.give(ada, "SELECT", table="goods", valid_until=soon)
    await somewhere.give(ada, "SELECT", schema=schema, table="orders")
    await somewhere.apply()
    line = await somewhere.come_in(ada)
    assert await line.may(Privilege.SELECT, goods)
    clock.advance(hours=2)
    await somewhere.follow()
    assert not await line.is_open()
    line = await somewhere.come_in(ada)
    assert not await line.may(Privilege.SELECT, goods)
    assert await line.may(Privilege.SELECT, orders)
    await line.close()


async def test_who_was_to_be_put_out_when_a_plan_broke_off_is_put_out_by_the_next(
    somewhere: Somewhere, ada: UserData, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await somewhere.give(ada, "SELECT", "INSERT")
    await somewhere.apply()
    line = await somewhere.come_in(ada)
    revoke = RevokeAction(principal="ada", permissions=["INSERT"], database="shop", table="goods")
    await somewhere.tenantry.grants.revoke.wait_for_complete(revoke)
    with monkeypatch.context() as broken:
        broken.setattr(postgresql_connector, "_end", _lost)
        broken.setattr(MysqlConnector, "_ended", _lost_there)
        await somewhere.follow()
    assert await somewhere.standing() is Standing.FAILING
    assert (await somewhere.plan()).empty, "the revocation itself was done"
    assert await line.is_open()
    clock.advance(minutes=10)
    await somewhere.follow()
    assert await somewhere.standing() is Standing.APPLIED
    assert not await line.is_open()


async def _lost(_: object, names: Sequence[str]) -> Counter[str]:
    """The line is lost just when connections were to be ended."""
    if names:
        raise ConnectionError
    return Counter()


def _lost_there(_: object, session: object, names: Sequence[str]) -> Counter[str]:
    if names:
        raise ConnectionError
    return Counter()


async def test_a_server_out_of_reach_is_tried_again_and_never_called_done(
    somewhere: Somewhere, line: Line, clock: ShiftedClock
) -> None:
    somewhere.cut()
    lock = LockAccountAction(user="ada", reason="left")
    await somewhere.tenantry.locks.lock_account.wait_for_complete(lock)
    for _ in range(3):
        await somewhere.follow()
        seen = await somewhere.seen()
        assert seen.standing is Standing.FAILING
        assert seen.error
        assert seen.failing_since is not None
        clock.advance(minutes=10)
    assert await line.is_open()
    with pytest.raises(ConnectionError):
        await somewhere.apply()
    somewhere.join()
    clock.advance(hours=1)
    await somewhere.follow()
    seen = await somewhere.seen()
    assert (seen.standing, seen.error, seen.failing_since) == (Standing.APPLIED, None, None)
    assert not await line.is_open()
