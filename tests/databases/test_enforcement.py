"""What is granted is what the server allows: at once, also after a crash, and no longer."""

import asyncio
from datetime import timedelta

import pytest

from tenantry.app import App
from tenantry.databases.actions import RemoveDatabaseAction
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    AppliedDatabase,
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DumpDatabaseAction,
    ProposeDatabaseAction,
    RevertDatabaseAction,
)
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.databases.model import PrincipalKind
from tenantry.databases.names import generated_name
from tenantry.errors import ConnectionError, DatabaseConflict, DatabaseNotFound, StateConflict
from tenantry.grants.actions import RevokeAccessAction
from tenantry.privileges.model import Privilege, object_named
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.testing.clock import ShiftedClock
from tenantry.users.actions import PurgeUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail
from tests.databases.conftest import Managed, Somewhere
from tests.databases.servers import Shop

pytestmark = pytest.mark.anyio

READ_ORDERS = "select * from public.orders"
ADD_ORDER = "insert into public.orders values (1, 2)"


def login_of(managed: ManagedDatabase, user: UserData) -> str:
    """The user's name on the server."""
    return generated_name(managed.id, PrincipalKind.USER, user.id)


async def apply(tenantry: App) -> AppliedDatabase:
    action = ApplyDatabaseAction("shop")
    return (await tenantry.databases.apply_database.wait_for_complete(action)).data


async def test_the_first_look_says_what_the_own_login_may_not_do(
    tenantry: App, managed: ManagedDatabase, shop: Shop
) -> None:
    action = CheckDatabaseAction("shop")
    report = (await tenantry.databases.check_database.wait_for_complete(action)).data
    assert report.version.startswith("PostgreSQL")
    assert report.executor == shop.executor


async def test_a_plan_changes_nothing_and_an_apply_leaves_nothing_to_do(
    somewhere: Somewhere, ada: UserData, trail: Trail
) -> None:
    before = await somewhere.shop.connector.survey()
    await somewhere.give(ada, "SELECT")
    planned = await somewhere.plan()
    assert any("GRANT SELECT" in step.statement for step in planned.steps)
    assert any("user ada" in step.about for step in planned.steps)
    assert await somewhere.shop.connector.survey() == before
    assert await somewhere.standing() is Standing.NEW
    applied = await apply(somewhere.tenantry)
    assert (applied.done, applied.steps) == (True, len(planned.steps))
    assert (await somewhere.plan()).empty
    assert await somewhere.standing() is Standing.APPLIED
    line = await somewhere.come_in(ada)
    goods, orders = somewhere.shop.tables[:2]
    assert await line.may(Privilege.SELECT, goods)
    assert not await line.may(Privilege.INSERT, goods)
    assert not await line.may(Privilege.SELECT, orders)
    await line.close()
    statements = (await trail("database.apply"))[0].changes["statements"][1]
    assert statements == [step.statement for step in planned.steps]


async def test_a_grant_and_its_end_reach_the_server_by_themselves(
    somewhere: Somewhere, ada: UserData, trail: Trail
) -> None:
    await somewhere.apply()
    await somewhere.give(ada, "SELECT", "INSERT")
    assert await somewhere.standing() is Standing.PENDING
    await somewhere.follow()
    assert await somewhere.standing() is Standing.APPLIED
    opened = await somewhere.login(ada)
    line = await somewhere.shop.log_in(opened.username, opened.password)
    assert await line.may(Privilege.INSERT, somewhere.shop.tables[0])
    revoke = RevokeAccessAction(principal="ada", database="shop")
    await somewhere.tenantry.grants.revoke_access.wait_for_complete(revoke)
    await somewhere.follow()
    assert not await line.is_open()
    assert not await somewhere.is_let_in(opened)
    assert {entry.actor for entry in await trail("database.apply")} == {"system"}


async def test_what_a_role_has_reaches_all_who_hold_it_also_on_tables_to_come(
    somewhere: Somewhere, ada: UserData
) -> None:
    tenantry, shop = somewhere.tenantry, somewhere.shop
    role = CreateRoleAction(name="clerk", permissions=["SELECT"], databases=["shop"])
    await tenantry.roles.create_role.wait_for_complete(role)
    await tenantry.roles.assign_roles.wait_for_complete(AssignRolesAction("ada", ["clerk"]))
    await somewhere.apply()
    line = await somewhere.come_in(ada)
    assert await line.may(Privilege.SELECT, shop.tables[1])
    await shop.run("create table later (id int)")
    assert await line.may(Privilege.SELECT, object_named(shop.database, "public", "later"))
    assert (await somewhere.plan()).empty
    await line.close()


async def test_a_login_ends_by_itself(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, clock: ShiftedClock
) -> None:
    await Managed(tenantry).give(ada, "SELECT", table="orders")
    await apply(tenantry)
    opened = await Managed(tenantry).login(ada, minutes=5)
    root = await shop.connect()
    valid = await root.fetchval(
        "select rolvaliduntil from pg_roles where rolname = $1", opened.username
    )
    assert abs(valid - opened.valid_until) < timedelta(seconds=1)
    clock.advance(minutes=6)
    await Managed(tenantry).follow()
    can = "select rolcanlogin from pg_roles where rolname = $1"
    assert not await root.fetchval(can, opened.username)
    await root.close()


async def test_nobody_gets_a_login_where_nothing_is_granted_or_enforced(
    somewhere: Somewhere, ada: UserData
) -> None:
    with pytest.raises(DatabaseNotFound):
        await somewhere.login(ada)
    await somewhere.give(ada, "SELECT")
    with pytest.raises(StateConflict):
        await somewhere.login(ada)


async def test_drift_is_found_named_and_mended(somewhere: Somewhere, ada: UserData) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    mine = somewhere.name_of(ada)
    await somewhere.shop.run(
        f"grant insert on goods to {mine}", f"revoke select on goods from {mine}"
    )
    found = await somewhere.drift()
    assert sorted(step.drift for step in found.steps) == ["extra", "missing"]
    assert (await somewhere.seen()).drift_count == 2
    await somewhere.shop.run(*(step.statement for step in found.steps))
    assert (await somewhere.drift()).empty
    await somewhere.shop.run(f"grant insert on goods to {mine}")
    await somewhere.apply()
    assert (await somewhere.plan()).empty


async def test_what_was_there_before_is_not_touched_and_proposed_only(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    root = await shop.connect()
    stranger = f"{shop.name}_stranger"
    await root.execute(f"drop role if exists {stranger}")
    keeper = await shop.connect(shop.executor)
    await keeper.execute(f"create role {stranger} login")
    await keeper.close()
    await root.execute(f"grant select on orders to {stranger}")
    try:
        action = ProposeDatabaseAction("shop")
        proposed = (await tenantry.databases.propose_database.wait_for_complete(action)).data
        assert stranger in [one.name for one in proposed.principals]
        assert [g.privilege for g in proposed.grants if g.principal == stranger] == ["SELECT"]
        await Managed(tenantry).give(ada, "SELECT", table="orders")
        await apply(tenantry)
        assert await shop.may(stranger, READ_ORDERS)
        adopt = AdoptDatabaseAction("shop", name=stranger, principal="ada")
        await tenantry.databases.adopt_database.wait_for_complete(adopt)
        with pytest.raises(DatabaseConflict):
            await tenantry.databases.adopt_database.wait_for_complete(adopt)
        await Managed(tenantry).give(ada, "INSERT", table="orders")
        await apply(tenantry)
        assert await shop.may(stranger, ADD_ORDER)
        assert (await Managed(tenantry).plan()).empty
    finally:
        await root.execute(f"drop owned by {stranger}")
        await root.execute(f"drop role {stranger}")
        await root.close()


async def test_a_revert_takes_all_that_is_ours_and_nothing_else(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    await Managed(tenantry).give(ada, "SELECT", table="orders")
    await apply(tenantry)
    dumped = DumpDatabaseAction("shop")
    dump = (await tenantry.databases.dump_database.wait_for_complete(dumped)).data
    assert any("GRANT SELECT" in statement for statement in dump.statements)
    await tenantry.databases.revert_database.wait_for_complete(RevertDatabaseAction("shop"))
    root = await shop.connect()
    mine = login_of(managed, ada)
    assert not await root.fetchval("select exists (select from pg_roles where rolname = $1)", mine)
    assert await root.fetchval("select count(*) from orders") == 0
    await root.close()
    await tenantry.databases.remove_database.wait_for_complete(RemoveDatabaseAction("shop"))


async def test_a_purged_user_is_gone_from_the_server(somewhere: Somewhere, ada: UserData) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    mine = somewhere.name_of(ada)
    assert mine in (await somewhere.shop.connector.survey()).principals
    await somewhere.tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="ada"))
    await somewhere.follow()
    assert mine not in (await somewhere.shop.connector.survey()).principals


async def test_a_server_out_of_reach_is_tried_again_and_never_called_done(
    somewhere: Somewhere, ada: UserData, clock: ShiftedClock
) -> None:
    await somewhere.apply()
    somewhere.cut()
    await somewhere.give(ada, "SELECT")
    await somewhere.follow()
    seen = await somewhere.seen()
    assert seen.standing is Standing.FAILING
    assert seen.error
    with pytest.raises(ConnectionError):
        await somewhere.login(ada)
    somewhere.join()
    clock.advance(minutes=10)
    await somewhere.follow()
    assert await somewhere.standing() is Standing.APPLIED


async def test_two_who_apply_at_once_leave_the_server_as_one_does(
    somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "SELECT", "INSERT")
    await asyncio.gather(*(somewhere.apply() for _ in range(4)))
    await somewhere.follow()
    assert (await somewhere.plan()).empty
