"""Nobody gives by way of roles what they do not hold: made, changed, assigned or inherited."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import PermissionError, UserCreationBadRequest
from tenantry.kernel.action import Actor, acting_as
from tenantry.kernel.clock import uuid7
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.privileges.model import DatabaseObject
from tenantry.roles.actions import (
    EnsureRoleAction,
    InheritRoleAction,
    ModifyRoleAction,
    RemoveRoleAction,
)
from tenantry.roles.model import RoleModifier
from tenantry.roles.powers import Power, lacking
from tenantry.roles.processors import RoleProcessors
from tenantry.testing.users import actor_of, make_user
from tenantry.users.actions import CreateUserAction, ImportUsersAction
from tenantry.users.model import UserCreator, UserData, UserRole

from .conftest import Assign, MakeRole, RolesOf

pytestmark = pytest.mark.anyio

GIVING = ["role.create", "role.modify", "role.ensure", "role.assign", "role.inherit"]
Giver = Callable[..., Awaitable[Actor]]


@pytest.fixture
def giver(tenantry: App, make_role: MakeRole, assign: Assign) -> Giver:
    """Somebody of the first tenant who may do all with roles, and holds these beside."""

    async def made(
        *permissions: str, databases: list[str] | None = None, tenant: str | None = "default"
    ) -> Actor:
        person = await make_user(tenantry)
        await make_role("giving", GIVING, tenant="default")
        await make_role("holding", list(permissions), databases=databases, tenant=tenant)
        await assign(person, "giving", "holding")
        return await actor_of(tenantry, person)

    return made


async def test_a_role_is_made_of_what_its_maker_holds(make_role: MakeRole, giver: Giver) -> None:
    maker = await giver("SELECT", "user.lock", databases=["a", "b"])
    made = await make_role("fine", ["SELECT", "user.lock"], databases=["a"], by=maker)
    assert made.domain_name == "default"
    for permissions, databases in (
        (["INSERT"], ["a"]),
        (["SELECT"], ["a", "c"]),
        (["SELECT"], None),
        (["ALL"], ["a"]),
        (["user.unlock"], None),
    ):
        with pytest.raises(PermissionError, match="You cannot give what you do not hold"):
            await make_role("more", permissions, databases=databases, by=maker)


async def test_who_holds_all_may_give_each(make_role: MakeRole, giver: Giver) -> None:
    maker = await giver("ALL")
    await make_role("fine", ["SELECT", "DROP_DATABASE", "ALL"], by=maker)
    with pytest.raises(PermissionError, match=r"user\.lock"):
        await make_role("more", ["user.lock"], by=maker)


async def test_a_role_is_changed_by_what_is_held_and_keeps_what_it_has(
    roles: RoleProcessors, make_role: MakeRole, giver: Giver
) -> None:
    maker = await giver("SELECT", databases=["a", "b"])
    await make_role("rich", ["SELECT", "DELETE"], databases=["a"], tenant="default")

    async def change(modifier: RoleModifier) -> None:
        with acting_as(maker):
            await roles.modify_role.wait_for_complete(ModifyRoleAction("rich", modifier))

    await change(RoleModifier(description=TriState.update("fine")))
    for modifier in (
        RoleModifier(databases=TriState.update(["a", "b"])),
        RoleModifier(databases=TriState.nullify()),
        RoleModifier(permissions=OptionalState.update(["SELECT", "DELETE", "INSERT"])),
    ):
        with pytest.raises(PermissionError):
            await change(modifier)
    await change(RoleModifier(permissions=OptionalState.update(["SELECT"])))
    await change(RoleModifier(databases=TriState.update(["a", "b"])))
    ensured = EnsureRoleAction(name="rich", permissions=["DELETE"], databases=["a"])
    with acting_as(maker), pytest.raises(PermissionError):
        await roles.ensure_role.wait_for_complete(ensured)


async def test_what_a_role_inherits_counts_as_what_it_gives(
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    giver: Giver,
    john: UserData,
    roles_of: RolesOf,
) -> None:
    maker = await giver("SELECT", databases=["a"])
    await make_role("empty", tenant="default")
    await make_role("rich", ["DELETE"], tenant="default")
    await assign(john, "empty", "holding", by=maker)
    with acting_as(maker):
        with pytest.raises(PermissionError, match="DELETE"):
            await roles.inherit.wait_for_complete(InheritRoleAction("empty", "rich"))
        await roles.inherit.wait_for_complete(InheritRoleAction("empty", "holding"))
    await roles.inherit.wait_for_complete(InheritRoleAction("empty", "rich", "default"))
    with pytest.raises(PermissionError, match="DELETE"):
        await assign(john, "empty", by=maker)
    assert await roles_of(john) == ["empty", "holding"]


async def test_grants_to_a_role_count_as_what_it_gives(
    make_role: MakeRole,
    assign: Assign,
    giver: Giver,
    john: UserData,
    owner: asyncpg.Connection,
) -> None:
    maker = await giver("SELECT", databases=["a"])
    role = await make_role("plain", tenant="default")
    grant = "insert into grants (id, role_id, privilege, database, within_id, granted_at)"
    grant += " values ($1, $2, 'SELECT', $3, $4, now())"
    now = datetime.now(UTC)
    await owner.execute(grant, uuid7(now), role.id, "a", john.tenant_id)
    await assign(john, "plain", by=maker)
    await owner.execute(grant, uuid7(now), role.id, "a", None)
    with pytest.raises(PermissionError, match="SELECT on a"):
        await assign(john, "plain", by=maker)


async def test_what_the_actor_is_granted_directly_is_held(
    make_role: MakeRole, giver: Giver, owner: asyncpg.Connection
) -> None:
    maker = await giver()
    with pytest.raises(PermissionError):
        await make_role("reader", ["SELECT"], databases=["a"], by=maker)
    grant = "insert into grants (id, user_id, privilege, database, within_id, granted_at)"
    grant += " values ($1, $2, 'SELECT', 'a', $3, now())"
    await owner.execute(grant, uuid7(datetime.now(UTC)), maker.id, maker.tenant_id)
    await make_role("reader", ["SELECT"], databases=["a"], by=maker)


async def test_a_role_of_the_own_tenant_does_not_make_the_platforms_ones_ones_own(
    make_role: MakeRole, assign: Assign, giver: Giver, john: UserData
) -> None:
    maker = await giver("ALL")
    await make_role("everywhere", ["SELECT"])
    with pytest.raises(PermissionError, match="SELECT on everything"):
        await assign(john, "everywhere", by=maker)


async def test_who_holds_a_role_of_the_platform_may_pass_it_on(
    make_role: MakeRole, assign: Assign, giver: Giver, john: UserData, roles_of: RolesOf
) -> None:
    maker = await giver("SELECT", tenant=None)
    await make_role("everywhere", ["SELECT"])
    await assign(john, "everywhere", by=maker)
    assert await roles_of(john) == ["everywhere"]


async def test_a_user_is_made_with_roles_or_not_at_all(
    tenantry: App,
    make_role: MakeRole,
    admin: UserData,
    roles_of: RolesOf,
    owner: asyncpg.Connection,
) -> None:
    await make_role("own", ["SELECT"], tenant="default")
    await make_role("everywhere", ["SELECT"])

    async def create(*roles: str) -> UserData:
        creator = UserCreator(username="new", roles=list(roles))
        with acting_as(admin):
            action = CreateUserAction(input=creator)
            return (await tenantry.users.create_user.wait_for_complete(action)).data

    with pytest.raises(UserCreationBadRequest) as unknown:
        await create("own", "nowhere")
    assert [(v.field, v.code) for v in unknown.value.violations] == [("roles", "unknown")]
    with pytest.raises(PermissionError, match="SELECT on everything"):
        await create("own", "everywhere")
    assert await owner.fetchval("select count(*) from users where username = 'new'") == 0
    assert (await create("own")).roles == ["own"]


async def test_an_import_refuses_the_rows_whose_roles_cannot_be_given(
    tenantry: App, make_role: MakeRole, admin: UserData
) -> None:
    await make_role("own", ["SELECT"], tenant="default")
    await make_role("everywhere", ["SELECT"])
    rows = [
        UserCreator(username=f"user-{number}", roles=roles)
        for number, roles in enumerate((["own"], ["everywhere"], ["nowhere"], None))
    ]
    with acting_as(admin):
        action = ImportUsersAction(users=rows)
        result = await tenantry.users.import_users.wait_for_complete(action)
    assert [(row.outcome, row.field) for row in result.rows] == [
        ("created", None),
        ("refused", "roles"),
        ("refused", "roles"),
        ("created", None),
    ]


async def test_making_users_with_roles_takes_the_permission_to_assign_roles(
    tenantry: App, make_role: MakeRole, assign: Assign
) -> None:
    maker = await make_user(tenantry, "maker")
    await make_role("making", ["user.create"])
    await make_role("harmless")
    await assign(maker, "making")
    action = CreateUserAction(input=UserCreator(username="new", roles=["harmless"]))
    with acting_as(await actor_of(tenantry, maker)), pytest.raises(PermissionError, match="assign"):
        await tenantry.users.create_user.wait_for_complete(action)
    await make_role("assigning", ["role.assign"])
    await assign(maker, "assigning")
    with acting_as(await actor_of(tenantry, maker)):
        made = await tenantry.users.create_user.wait_for_complete(action)
    assert made.data.roles == ["harmless"]


async def test_an_admin_of_a_tenant_gives_every_permission_there_and_no_more(
    make_role: MakeRole, admin: UserData
) -> None:
    own = await make_role("all", ["ALL", "user.lock", "role.assign", "tenant.update"], by=admin)
    assert own.tenant_id == admin.tenant_id


async def test_removing_takes_no_more_than_the_permission_to_remove(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, assign: Assign, john: UserData
) -> None:
    remover = await make_user(tenantry, "remover")
    await make_role("removing", ["role.remove"])
    await make_role("rich", ["ALL"])
    await assign(remover, "removing")
    await assign(john, "rich")
    with acting_as(await actor_of(tenantry, remover)):
        result = await roles.remove_role.wait_for_complete(RemoveRoleAction("john", "rich"))
    assert result.changed


async def test_a_monitor_makes_no_roles(make_role: MakeRole, tenantry: App) -> None:
    with pytest.raises(PermissionError):
        await make_role("mine", by=await make_user(tenantry, role=UserRole.MONITOR))


EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
TENANT, OTHER = UUID(int=1), UUID(int=2)
DB, TABLE = DatabaseObject("db"), DatabaseObject("db", "public", "t")


@pytest.mark.parametrize(
    ("mine", "wanted", "covered"),
    [
        (Power("SELECT", DB), Power("SELECT", TABLE), True),
        (Power("SELECT", TABLE), Power("SELECT", DB), False),
        (Power("ALL", DB), Power("SELECT", DB), True),
        (Power("SELECT", DB), Power("ALL", DB), False),
        (Power("SELECT", DB), Power("SELECT", DB, TENANT), True),
        (Power("SELECT", DB, TENANT), Power("SELECT", DB), False),
        (Power("SELECT", DB, TENANT), Power("SELECT", DB, OTHER), False),
        (Power("ALL"), Power("user.lock"), False),
        (Power("user.lock"), Power("user.lock"), True),
        (Power("SELECT", valid_until=LATE), Power("SELECT"), False),
        (Power("SELECT", valid_until=LATE), Power("SELECT", valid_until=EARLY), True),
        (Power("SELECT", valid_until=EARLY), Power("SELECT", valid_until=LATE), False),
        (Power("SELECT", valid_from=EARLY), Power("SELECT"), False),
        (Power("SELECT", valid_from=EARLY), Power("SELECT", valid_from=LATE), True),
        (Power("SELECT", valid_from=LATE), Power("SELECT", valid_from=EARLY), False),
    ],
)
def test_a_power_covers_what_lies_within_it(mine: Power, wanted: Power, covered: bool) -> None:
    assert (lacking([wanted], [mine]) == []) is covered
