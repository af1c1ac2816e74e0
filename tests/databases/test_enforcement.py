"""What is granted is what the server allows: at once, also after a crash, and no longer."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tenantry.app import App
from tenantry.databases.actions import GetDatabaseAction, RemoveDatabaseAction
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    AppliedDatabase,
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DatabasePlan,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    ProposeDatabaseAction,
    RevertDatabaseAction,
)
from tenantry.databases.login_actions import DatabaseLogin, LoginToDatabaseAction
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.databases.model import PrincipalKind
from tenantry.databases.names import generated_name
from tenantry.errors import ConnectionError, DatabaseConflict, DatabaseNotFound, StateConflict
from tenantry.grants.actions import GiveAction, RevokeAccessAction
from tenantry.kernel.action import acting_as
from tenantry.lockout.actions import LockAccountAction
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.testing.clock import ShiftedClock
from tenantry.users.actions import PurgeUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail
from tests.databases.servers import Shop

pytestmark = pytest.mark.anyio

READ_ORDERS = "select * from public.orders"
ADD_ORDER = "insert into public.orders values (1, 2)"


def login_of(managed: ManagedDatabase, user: UserData) -> str:
    """The user's name on the server."""
    return generated_name(managed.id, PrincipalKind.USER, user.id)


async def give(tenantry: App, user: UserData, *names: str, **more: object) -> None:
    said = {"principal": user.username, "permissions": list(names), "database": "shop", **more}
    action = GiveAction(**said)  # type: ignore[arg-type]  # of any field
    await tenantry.grants.give.wait_for_complete(action)


async def apply(tenantry: App) -> AppliedDatabase:
    action = ApplyDatabaseAction("shop")
    return (await tenantry.databases.apply_database.wait_for_complete(action)).data


async def plan(tenantry: App) -> DatabasePlan:
    action = PlanDatabaseAction("shop")
    return (await tenantry.databases.plan_database.wait_for_complete(action)).data


async def follow(tenantry: App) -> None:
    """Have the server follow what has changed, as it does by itself all the time."""
    await tenantry.assembly.databases.watch.run_once()


async def standing(tenantry: App) -> Standing:
    action = GetDatabaseAction("shop")
    return (await tenantry.databases.get_database.wait_for_complete(action)).data.standing


async def login(tenantry: App, user: UserData, minutes: int = 60) -> DatabaseLogin:
    with acting_as(user):
        action = LoginToDatabaseAction("shop", minutes)
        return (await tenantry.databases.login_to_database.wait_for_complete(action)).data


async def test_the_first_look_says_what_the_own_login_may_not_do(
    tenantry: App, managed: ManagedDatabase, shop: Shop
) -> None:
    action = CheckDatabaseAction("shop")
    report = (await tenantry.databases.check_database.wait_for_complete(action)).data
    assert report.version.startswith("PostgreSQL")
    assert report.executor == shop.executor


async def test_a_plan_changes_nothing_and_an_apply_leaves_nothing_to_do(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, trail: Trail
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    planned = await plan(tenantry)
    assert any("GRANT SELECT" in step.statement for step in planned.steps)
    assert any("user ada" in step.about for step in planned.steps)
    root = await shop.connect()
    mine = login_of(managed, ada)
    assert not await root.fetchval("select exists (select from pg_roles where rolname = $1)", mine)
    assert await standing(tenantry) is Standing.NEW
    applied = await apply(tenantry)
    assert (applied.done, applied.steps) == (True, len(planned.steps))
    assert (await plan(tenantry)).empty
    assert await standing(tenantry) is Standing.APPLIED
    await root.execute(f'alter role "{mine}" login')
    assert await shop.may(mine, READ_ORDERS)
    assert not await shop.may(mine, ADD_ORDER)
    assert not await shop.may(mine, "select * from public.people")
    statements = (await trail("database.apply"))[0].changes["statements"][1]
    assert planned.steps[0].statement in statements
    await root.close()


async def test_a_grant_and_its_end_reach_the_server_by_themselves(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, trail: Trail
) -> None:
    await apply(tenantry)
    await give(tenantry, ada, "SELECT", "INSERT", table="orders")
    assert await standing(tenantry) is Standing.PENDING
    await follow(tenantry)
    assert await standing(tenantry) is Standing.APPLIED
    opened = await login(tenantry, ada)
    assert await shop.may(opened.username, ADD_ORDER)
    revoke = RevokeAccessAction(principal="ada", database="shop")
    await tenantry.grants.revoke_access.wait_for_complete(revoke)
    await follow(tenantry)
    with pytest.raises(asyncpg.PostgresError):
        await shop.connect(opened.username, opened.password)
    assert {entry.actor for entry in await trail("database.apply")} == {"system"}


async def test_what_a_role_has_reaches_all_who_hold_it(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    role = CreateRoleAction(name="clerk", permissions=["SELECT"], databases=["shop"])
    await tenantry.roles.create_role.wait_for_complete(role)
    await tenantry.roles.assign_roles.wait_for_complete(AssignRolesAction("ada", ["clerk"]))
    await apply(tenantry)
    opened = await login(tenantry, ada)
    assert await shop.may(opened.username, READ_ORDERS)
    keeper = await shop.connect(shop.executor)
    await keeper.execute("create table later (id int)")
    await keeper.close()
    assert await shop.may(opened.username, "select * from public.later")
    assert (await plan(tenantry)).empty


async def test_a_lock_shuts_the_login_and_ends_its_connections(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    await apply(tenantry)
    opened = await login(tenantry, ada)
    session = await shop.connect(opened.username, opened.password)
    assert await session.fetch(READ_ORDERS) == []
    await tenantry.locks.lock_account.wait_for_complete(
        LockAccountAction(user="ada", reason="left")
    )
    await follow(tenantry)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetch(READ_ORDERS)
    with pytest.raises(asyncpg.PostgresError):
        await shop.connect(opened.username, opened.password)
    with pytest.raises(DatabaseNotFound):
        await login(tenantry, ada)


async def test_a_grant_that_ends_by_time_ends_on_the_server_too(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, clock: ShiftedClock
) -> None:
    await give(tenantry, ada, "SELECT", table="people")
    soon = clock.now() + timedelta(hours=1)
    await give(tenantry, ada, "SELECT", table="orders", valid_until=soon)
    await apply(tenantry)
    opened = await login(tenantry, ada)
    assert await shop.may(opened.username, READ_ORDERS)
    clock.advance(hours=2)
    await follow(tenantry)
    assert not await shop.may(opened.username, READ_ORDERS)


async def test_a_login_ends_by_itself(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, clock: ShiftedClock
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    await apply(tenantry)
    opened = await login(tenantry, ada, minutes=5)
    root = await shop.connect()
    valid = await root.fetchval(
        "select rolvaliduntil from pg_roles where rolname = $1", opened.username
    )
    assert abs(valid - opened.valid_until) < timedelta(seconds=1)
    clock.advance(minutes=6)
    await follow(tenantry)
    can = "select rolcanlogin from pg_roles where rolname = $1"
    assert not await root.fetchval(can, opened.username)
    await root.close()


async def test_nobody_gets_a_login_where_nothing_is_granted_or_enforced(
    tenantry: App, managed: ManagedDatabase, ada: UserData
) -> None:
    with pytest.raises(DatabaseNotFound):
        await login(tenantry, ada)
    await give(tenantry, ada, "SELECT", table="orders")
    with pytest.raises(StateConflict):
        await login(tenantry, ada)


async def test_drift_is_found_named_and_mended(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    await apply(tenantry)
    keeper = await shop.connect(shop.executor)
    mine = login_of(managed, ada)
    await keeper.execute(f'grant insert on orders to "{mine}"')
    await keeper.execute(f'revoke select on orders from "{mine}"')
    action = DriftDatabaseAction("shop")
    found = (await tenantry.databases.drift_database.wait_for_complete(action)).data
    assert sorted(step.drift for step in found.steps) == ["extra", "missing"]
    seen = (await tenantry.databases.get_database.wait_for_complete(GetDatabaseAction("shop"))).data
    assert seen.drift_count == 2
    for step in found.steps:
        await keeper.execute(step.statement)
    again = (await tenantry.databases.drift_database.wait_for_complete(action)).data
    assert again.empty
    await keeper.execute(f'grant insert on orders to "{mine}"')
    await apply(tenantry)
    assert (await plan(tenantry)).empty
    await keeper.close()


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
        assert stranger in proposed.users
        assert [g.privilege for g in proposed.grants if g.principal == stranger] == ["SELECT"]
        await give(tenantry, ada, "SELECT", table="orders")
        await apply(tenantry)
        assert await shop.may(stranger, READ_ORDERS)
        adopt = AdoptDatabaseAction("shop", name=stranger, principal="ada")
        await tenantry.databases.adopt_database.wait_for_complete(adopt)
        with pytest.raises(DatabaseConflict):
            await tenantry.databases.adopt_database.wait_for_complete(adopt)
        await give(tenantry, ada, "INSERT", table="orders")
        await apply(tenantry)
        assert await shop.may(stranger, ADD_ORDER)
        assert (await plan(tenantry)).empty
    finally:
        await root.execute(f"drop owned by {stranger}")
        await root.execute(f"drop role {stranger}")
        await root.close()


async def test_a_revert_takes_all_that_is_ours_and_nothing_else(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
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


async def test_a_purged_user_is_gone_from_the_server(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    await give(tenantry, ada, "SELECT", table="orders")
    await apply(tenantry)
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="ada"))
    await follow(tenantry)
    root = await shop.connect()
    mine = login_of(managed, ada)
    assert not await root.fetchval("select exists (select from pg_roles where rolname = $1)", mine)
    await root.close()


async def test_a_server_out_of_reach_is_tried_again_and_never_called_done(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData, clock: ShiftedClock
) -> None:
    await apply(tenantry)
    root = await asyncpg.connect(shop.server.dsn("tenantry_owner", "postgres"))
    await root.execute(f"alter database {shop.name} allow_connections false")
    await give(tenantry, ada, "SELECT", table="orders")
    await follow(tenantry)
    seen = (await tenantry.databases.get_database.wait_for_complete(GetDatabaseAction("shop"))).data
    assert seen.standing is Standing.FAILING
    assert seen.error
    with pytest.raises(ConnectionError):
        await login(tenantry, ada)
    await root.execute(f"alter database {shop.name} allow_connections true")
    clock.advance(minutes=10)
    await follow(tenantry)
    assert await standing(tenantry) is Standing.APPLIED
    await root.close()


async def test_two_who_apply_at_once_leave_the_server_as_one_does(
    tenantry: App, managed: ManagedDatabase, shop: Shop, ada: UserData
) -> None:
    await give(tenantry, ada, "SELECT", "INSERT", table="orders")
    await asyncio.gather(*(apply(tenantry) for _ in range(4)))
    await follow(tenantry)
    assert (await plan(tenantry)).empty
