"""Permissions that roles give: on whom they reach, and on whom they do not."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import PermissionError, TenantNotFound, UserCreationBadRequest, UserNotFound
from tenantry.groups.actions import AddMemberAction, CreateGroupAction, RemoveMemberAction
from tenantry.kernel.action import Action, Actor, Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.lockout.actions import LockAccountAction, UnlockAccountAction
from tenantry.password_policies.actions import PasswordPolicyModifier, SetPasswordPolicyAction
from tenantry.resets.actions import (
    InviteUserAction,
    ResetUserPasswordAction,
    SetUserPasswordAction,
)
from tenantry.roles.actions import AssignRolesAction, InheritRoleAction, RemoveRoleAction
from tenantry.roles.processors import RoleProcessors
from tenantry.routes import ROUTES
from tenantry.second_factor.actions import RemoveSecondFactorAction
from tenantry.sessions.actions import CreateSessionAction
from tenantry.tenants.actions import UpdateTenantAction
from tenantry.tenants.model import TenantModifier
from tenantry.testing.users import PASSWORD, actor_of, make_user
from tenantry.users.access import DELEGABLE
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    GetUserAction,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeUserAction,
    RestoreUserAction,
)
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole
from tests.conftest import Trail

from .conftest import Assign, MakeRole

pytestmark = pytest.mark.anyio

Delegate = Callable[..., Awaitable[Actor]]
Act = Callable[[str], Action[Any]]

# What can be done to a user by a permission, each by its tag.
ON_USERS: dict[str, Act] = {
    "user.lock": lambda user: LockAccountAction(user=user, reason="why not"),
    "user.unlock": lambda user: UnlockAccountAction(user=user),
    "user.reset_password": lambda user: ResetUserPasswordAction(user=user, mail=False),
    "user.set_password": lambda user: SetUserPasswordAction(user=user, new_password=PASSWORD * 2),
    "user.delete": lambda user: DeleteUserAction(user=user),
    "user.restore": lambda user: RestoreUserAction(user=user),
    "user.purge": lambda user: PurgeUserAction(user=user),
    "user.preview_purge": lambda user: PreviewPurgeAction(user=user),
    "session.create": lambda user: CreateSessionAction(user=user),
    "second_factor.remove": lambda user: RemoveSecondFactorAction(user),
    "group.add_member": lambda user: AddMemberAction("crew", user),
    "group.remove_member": lambda user: RemoveMemberAction("crew", user),
    "role.assign": lambda user: AssignRolesAction(user, ["harmless"]),
    "role.remove": lambda user: RemoveRoleAction(user, "harmless"),
}
READING = {"user.preview_purge"}
ON_ONESELF = READING | {
    "group.add_member",
    "group.remove_member",
    "role.assign",
    "role.remove",
    "session.create",
}
"""What an admin can do to oneself, too."""


@pytest.fixture
async def delegate(tenantry: App, make_role: MakeRole, assign: Assign) -> Delegate:
    """Somebody who holds these permissions by a role of the platform."""
    await make_role("harmless")
    await tenantry.groups.create_group.wait_for_complete(CreateGroupAction(name="crew"))

    async def made(*permissions: str, **fields: Any) -> Actor:
        person = await make_user(tenantry, **fields)
        role = await make_role(f"may-{person.username}", list(permissions))
        await assign(person, role.name)
        return await actor_of(tenantry, person)

    return made


async def attempt(app: App, actor: Actor | UserData, action: Action[Any]) -> Any:
    with acting_as(actor):
        return await app.run(action)


def test_all_that_can_be_done_to_a_user_by_a_permission_is_tried_here() -> None:
    tried = {
        route.action.tag
        for route in ROUTES
        if route.action.audience in DELEGABLE and "user" in route.action.__struct_fields__
    }
    assert tried == set(ON_USERS)


@pytest.mark.parametrize("tag", ON_USERS)
async def test_who_holds_a_permission_does_this_and_nothing_else(
    tenantry: App, delegate: Delegate, john: UserData, tag: str
) -> None:
    helper = await delegate(tag)
    if tag == "user.restore":
        await tenantry.run(DeleteUserAction(user="john"))
    await attempt(tenantry, helper, ON_USERS[tag]("john"))
    for other in sorted(set(ON_USERS) - {tag}):
        with pytest.raises(PermissionError):
            await attempt(tenantry, helper, ON_USERS[other]("john"))


@pytest.mark.parametrize("tag", sorted(set(ON_USERS) - READING))
async def test_no_permission_reaches_an_administrator_or_a_monitor(
    tenantry: App, delegate: Delegate, tag: str
) -> None:
    helper = await delegate(*ON_USERS)
    for role in (UserRole.SUPERADMIN, UserRole.ADMIN, UserRole.MONITOR):
        person = await make_user(tenantry, role=role)
        with pytest.raises(PermissionError):
            await attempt(tenantry, helper, ON_USERS[tag](person.username))


@pytest.mark.parametrize("tag", sorted(set(ON_USERS) - READING))
async def test_no_permission_reaches_who_holds_one_that_the_actor_lacks(
    tenantry: App,
    delegate: Delegate,
    make_role: MakeRole,
    assign: Assign,
    john: UserData,
    tag: str,
) -> None:
    await make_role("more", ["password_policy.set"])
    await assign(john, "more")
    with pytest.raises(PermissionError, match="permissions that you lack"):
        await attempt(tenantry, await delegate(*ON_USERS), ON_USERS[tag]("john"))
    if tag == "user.restore":
        await tenantry.run(DeleteUserAction(user="john"))
    equal = await delegate(*ON_USERS, "password_policy.set")
    await attempt(tenantry, equal, ON_USERS[tag]("john"))


@pytest.mark.parametrize("tag", sorted(set(ON_USERS) - ON_ONESELF))
async def test_nobody_does_to_oneself_by_a_permission_what_an_admin_cannot(
    tenantry: App, delegate: Delegate, tag: str
) -> None:
    helper = await delegate(*ON_USERS)
    with pytest.raises(PermissionError):
        await attempt(tenantry, helper, ON_USERS[tag](helper.name))


@pytest.mark.parametrize("tag", ON_USERS)
async def test_another_tenants_user_does_not_exist(
    tenantry: App, delegate: Delegate, stranger: UserData, tag: str
) -> None:
    helper = await delegate(*ON_USERS)
    with pytest.raises(UserNotFound):
        await attempt(tenantry, helper, ON_USERS[tag]("stranger"))


async def test_a_permission_widens_the_sight_for_its_own_action_only(
    tenantry: App, delegate: Delegate, john: UserData, stranger: UserData
) -> None:
    helper = await delegate("user.list")
    page = await attempt(tenantry, helper, ListUsersAction())
    assert {"john", helper.name} <= {user.username for user in page.items}
    assert "stranger" not in {user.username for user in page.items}
    with pytest.raises(UserNotFound):
        await attempt(tenantry, helper, GetUserAction(user="john"))
    modifier = UserModifier(phone=TriState.update("1"))
    with pytest.raises(UserNotFound):
        await attempt(tenantry, helper, ModifyUserAction(user="john", modifier=modifier))


async def test_users_who_are_made_by_a_permission_are_plain_and_of_the_own_tenant(
    tenantry: App, delegate: Delegate, other_tenant: str
) -> None:
    helper = await delegate("user.create", "user.invite", "user.import")
    for role in (UserRole.ADMIN, UserRole.MONITOR):
        creator = UserCreator(username="new", email="new@example.com", role=role)
        for action in (
            CreateUserAction(input=creator),
            InviteUserAction(input=creator, mail=False),
        ):
            with pytest.raises(PermissionError):
                await attempt(tenantry, helper, action)
        result = await attempt(tenantry, helper, ImportUsersAction(users=[creator]))
        assert [(row.outcome, row.field) for row in result.rows] == [("refused", "role")]
    elsewhere = CreateUserAction(input=UserCreator(username="new", domain_name=other_tenant))
    with pytest.raises(UserCreationBadRequest):
        await attempt(tenantry, helper, elsewhere)
    made = await attempt(tenantry, helper, CreateUserAction(input=UserCreator(username="new")))
    assert (made.data.role, made.data.tenant_id) == (UserRole.USER, helper.tenant_id)


async def test_the_limits_of_a_tenant_are_out_of_reach(
    tenantry: App, delegate: Delegate, other_tenant: str
) -> None:
    helper = await delegate("tenant.update", "password_policy.set")
    described = TenantModifier(description=TriState.update("ours"))
    await attempt(tenantry, helper, UpdateTenantAction("default", described))
    limited = TenantModifier(max_users=TriState.update(9))
    with pytest.raises(PermissionError):
        await attempt(tenantry, helper, UpdateTenantAction("default", limited))
    longer = PasswordPolicyModifier(min_length=TriState.update(20))
    for action in (
        UpdateTenantAction(other_tenant, described),
        SetPasswordPolicyAction(modifier=longer, tenant=other_tenant),
    ):
        with pytest.raises(TenantNotFound):
            await attempt(tenantry, helper, action)


async def test_a_monitor_changes_nothing_whatever_roles_it_holds(
    tenantry: App, delegate: Delegate, john: UserData
) -> None:
    watcher = await delegate("user.lock", role=UserRole.MONITOR)
    assert watcher.permissions == frozenset()
    with pytest.raises(PermissionError):
        await attempt(tenantry, watcher, LockAccountAction(user="john", reason="x"))


async def test_a_permission_is_inherited_and_that_of_another_tenants_role_is_none(
    tenantry: App,
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    john: UserData,
    other_tenant: str,
) -> None:
    foreign = await make_role("foreign", ["user.lock"], tenant=other_tenant)
    await assign(john, str(foreign.id))
    assert (await actor_of(tenantry, john)).permissions == frozenset()
    await make_role("base", ["user.lock", "SELECT"])
    await make_role("own", ["user.unlock"], tenant="default")
    await roles.inherit.wait_for_complete(InheritRoleAction("own", "base", "default"))
    await assign(john, "own")
    assert (await actor_of(tenantry, john)).permissions == {"user.lock", "user.unlock"}


async def test_what_is_refused_stands_in_the_audit(
    tenantry: App, delegate: Delegate, john: UserData, trail: Trail
) -> None:
    helper = await delegate("user.lock")
    await attempt(tenantry, helper, LockAccountAction(user="john", reason="x"))
    with pytest.raises(PermissionError):
        await attempt(tenantry, helper, LockAccountAction(user=helper.name, reason="x"))
    entries = await trail("user.lock")
    assert [e.outcome for e in entries] == [Outcome.DENIED, Outcome.SUCCEEDED]
    assert {e.actor_id for e in entries} == {helper.id}


async def test_a_change_of_built_in_role_is_no_matter_of_permissions(
    tenantry: App, delegate: Delegate, john: UserData
) -> None:
    helper = await delegate(*ON_USERS, "user.create", "user.search")
    modifier = UserModifier(role=OptionalState.update(UserRole.ADMIN))
    for named in ("john", helper.name):
        with pytest.raises((PermissionError, UserNotFound)):
            await attempt(tenantry, helper, ModifyUserAction(user=named, modifier=modifier))
