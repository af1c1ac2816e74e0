"""Assigning and removing roles, and who holds which."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    RoleNotFound,
    StateConflict,
    UserNotFound,
)
from tenantry.kernel.action import Outcome, acting_as
from tenantry.roles.actions import (
    AssignRolesAction,
    GetRoleAction,
    ListHeldRolesAction,
    ListRoleMembersAction,
    RemoveRoleAction,
)
from tenantry.roles.processors import RoleProcessors
from tenantry.tenants.actions import SetTenantIsolationAction
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, ListUsersAction
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail

from .conftest import Assign, MakeRole, RolesOf

pytestmark = pytest.mark.anyio


async def test_roles_are_assigned_and_those_held_already_are_told_apart(
    roles: RoleProcessors,
    make_role: MakeRole,
    roles_of: RolesOf,
    john: UserData,
    trail: Trail,
    owner: asyncpg.Connection,
) -> None:
    for name in ("developer", "tester"):
        await make_role(name)
    first = AssignRolesAction("john", ["developer"])
    result = await roles.assign_roles.wait_for_complete(first)
    assert (result.assigned, result.unchanged) == (["developer"], [])
    both = AssignRolesAction("john", ["DEVELOPER", "tester"])
    result = await roles.assign_roles.wait_for_complete(both)
    assert (result.assigned, result.unchanged) == (["tester"], ["developer"])
    again = await roles.assign_roles.wait_for_complete(both)
    assert (again.assigned, sorted(again.unchanged)) == ([], ["developer", "tester"])
    assert await roles_of(john) == ["developer", "tester"]
    entries = await trail("role.assign")
    assert [e.changes for e in entries] == [
        {},
        {"roles": [["developer"], ["developer", "tester"]]},
        {"roles": [[], ["developer"]]},
    ]
    assert {(e.target, e.target_id) for e in entries} == {("john", john.id)}
    noted = "select count(*) from change_log where kind = 'user' and subject_id = $1"
    assert await owner.fetchval(noted, john.id) == 2


async def test_one_unknown_role_and_nothing_is_assigned(
    roles: RoleProcessors, make_role: MakeRole, roles_of: RolesOf, john: UserData
) -> None:
    await make_role("developer")
    with pytest.raises(RoleNotFound, match="nowhere") as missing:
        await roles.assign_roles.wait_for_complete(
            AssignRolesAction("john", ["developer", "nowhere"])
        )
    assert (missing.value.field, missing.value.data) == ("roles", {"missing": ["nowhere"]})
    assert await roles_of(john) == []
    with pytest.raises(UserNotFound):
        await roles.assign_roles.wait_for_complete(AssignRolesAction("nobody", ["developer"]))
    with pytest.raises(InvalidInput):
        await roles.assign_roles.wait_for_complete(AssignRolesAction("john", []))


async def test_removing_a_role_that_is_not_held_changes_nothing(
    roles: RoleProcessors, make_role: MakeRole, assign: Assign, roles_of: RolesOf, john: UserData
) -> None:
    await make_role("developer")
    await assign(john, "developer")
    remove = RemoveRoleAction("john", "developer")
    assert (await roles.remove_role.wait_for_complete(remove)).changed
    assert not (await roles.remove_role.wait_for_complete(remove)).changed
    assert await roles_of(john) == []
    for wrong in (RemoveRoleAction("john", "nowhere"), RemoveRoleAction("nobody", "developer")):
        with pytest.raises((RoleNotFound, UserNotFound)):
            await roles.remove_role.wait_for_complete(wrong)


async def test_a_name_is_looked_up_in_the_users_tenant_and_then_on_the_platform(
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    stranger: UserData,
    john: UserData,
) -> None:
    platform = await make_role("developer")
    other = await make_role("developer", tenant=stranger.domain_name)
    await assign(john, "developer")
    await assign(stranger, "developer")

    async def holder(role_id: object) -> list[str]:
        action = ListRoleMembersAction(role=str(role_id))
        page = await roles.list_members.wait_for_complete(action)
        return [member.username for member in page.items]

    assert await holder(platform.id) == ["john"]
    assert await holder(other.id) == ["stranger"]


async def test_an_admin_assigns_within_the_own_tenant_and_what_is_the_platforms_only_if_held(
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    roles_of: RolesOf,
    admin: UserData,
    john: UserData,
    stranger: UserData,
    trail: Trail,
) -> None:
    await make_role("own", ["ALL"], by=admin)
    await make_role("helpdesk", ["user.lock"])
    await make_role("reader", ["SELECT"])
    foreign = await make_role("foreign", tenant=stranger.domain_name)
    await assign(john, "own", "helpdesk", by=admin)
    with pytest.raises(PermissionError, match="SELECT on everything"):
        await assign(john, "reader", by=admin)
    with pytest.raises(RoleNotFound):
        await assign(john, str(foreign.id), by=admin)
    with pytest.raises(UserNotFound):
        await assign(stranger, "own", by=admin)
    assert await roles_of(john) == ["helpdesk", "own"]
    await assign(admin, "reader")
    await assign(john, "reader", by=admin)
    outcomes = [entry.outcome for entry in await trail("role.assign")]
    assert outcomes.count(Outcome.DENIED) == 1


async def test_nobody_is_assigned_a_role_across_a_closed_wall(
    tenantry: App,
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    roles_of: RolesOf,
    john: UserData,
    other_tenant: str,
) -> None:
    beyond = await make_role("beyond", tenant=other_tenant)
    isolate = SetTenantIsolationAction(tenant=other_tenant, isolated=True)
    await tenantry.tenants.set_isolation.wait_for_complete(isolate)
    with pytest.raises(StateConflict, match="wall"):
        await assign(john, str(beyond.id))
    assert await roles_of(john) == []
    isolate = SetTenantIsolationAction(tenant=other_tenant, isolated=False)
    await tenantry.tenants.set_isolation.wait_for_complete(isolate)
    await assign(john, str(beyond.id))
    assert await roles_of(john) == ["beyond"]


async def test_a_deleted_user_gets_no_roles(
    tenantry: App, make_role: MakeRole, assign: Assign, john: UserData
) -> None:
    await make_role("developer")
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    with pytest.raises(StateConflict):
        await assign(john, "developer")


async def test_only_a_superadmin_changes_what_a_superadmin_holds(
    tenantry: App, make_role: MakeRole, assign: Assign, admin: UserData
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    await make_role("own", by=admin)
    with pytest.raises(PermissionError):
        await assign(boss, "own", by=admin)


async def test_of_five_who_assign_the_same_role_at_once_one_is_first(
    roles: RoleProcessors, make_role: MakeRole, john: UserData
) -> None:
    await make_role("race")
    action = AssignRolesAction("john", ["race"])
    ended = await asyncio.gather(*(roles.assign_roles.wait_for_complete(action) for _ in range(5)))
    assert sum(bool(result.assigned) for result in ended) == 1
    counted = await roles.get_role.wait_for_complete(GetRoleAction("race"))
    assert counted.data.user_count == 1


async def test_members_and_held_roles_come_in_pages(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, assign: Assign, john: UserData
) -> None:
    await make_role("crowd")
    for number in range(5):
        await assign(await make_user(tenantry, f"member-{number}"), "crowd")
    found: list[str] = []
    cursor = None
    while True:
        action = ListRoleMembersAction(role="crowd", limit=2, cursor=cursor)
        page = await roles.list_members.wait_for_complete(action)
        found += [member.username for member in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [f"member-{number}" for number in range(5)]
    for name in ("a", "b", "c"):
        await make_role(name)
    await assign(john, "c", "a", "b")
    with acting_as(john):
        first = await roles.list_held.wait_for_complete(ListHeldRolesAction(user="john", limit=2))
        rest = ListHeldRolesAction(user="john", limit=2, cursor=first.next_cursor)
        second = await roles.list_held.wait_for_complete(rest)
        assert [role.name for role in first.items + second.items] == ["a", "b", "c"]
        unseen = ListHeldRolesAction(user="member-1")
        with pytest.raises(UserNotFound):
            await roles.list_held.wait_for_complete(unseen)


async def test_who_cannot_see_a_tenant_is_not_told_how_many_of_it_hold_a_role(
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    admin: UserData,
    john: UserData,
    stranger: UserData,
) -> None:
    await make_role("shared")
    await assign(john, "shared")
    await assign(stranger, "shared")
    assert (await roles.get_role.wait_for_complete(GetRoleAction("shared"))).data.user_count == 2
    with acting_as(admin):
        seen = await roles.get_role.wait_for_complete(GetRoleAction("shared"))
        members = ListRoleMembersAction(role="shared")
        page = await roles.list_members.wait_for_complete(members)
    assert seen.data.user_count == 1
    assert [member.username for member in page.items] == ["john"]


async def test_each_user_of_a_page_shows_the_own_roles_as_when_asked_for_alone(
    tenantry: App, make_role: MakeRole, assign: Assign, roles_of: RolesOf, john: UserData
) -> None:
    for name in ("Writers", "readers", "auditors"):
        await make_role(name)
    jane = await make_user(tenantry, "jane")
    await assign(john, "Writers", "readers", "auditors")
    await assign(jane, "readers")
    page = await tenantry.users.list_users.wait_for_complete(ListUsersAction())
    shown = {user.username: user.roles for user in page.items}
    assert shown == {"root": [], "jane": ["readers"], "john": ["auditors", "readers", "Writers"]}
    assert await roles_of(john) == shown["john"]
