"""What the tests of roles need."""

from collections.abc import Awaitable, Callable

import pytest

from tenantry.app import App
from tenantry.kernel.action import SYSTEM, Actor, acting_as
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.roles.model import RoleData
from tenantry.roles.processors import RoleProcessors
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData

MakeRole = Callable[..., Awaitable[RoleData]]
Assign = Callable[..., Awaitable[None]]
RolesOf = Callable[[UserData], Awaitable[list[str]]]


@pytest.fixture
def roles(tenantry: App) -> RoleProcessors:
    """The processors of roles."""
    return tenantry.roles


@pytest.fixture
def make_role(roles: RoleProcessors) -> MakeRole:
    """Create a role of the platform unless a tenant is named."""

    async def make(
        name: str,
        permissions: list[str] | None = None,
        *,
        databases: list[str] | None = None,
        tenant: str | None = None,
        by: Actor | UserData = SYSTEM,
    ) -> RoleData:
        action = CreateRoleAction(
            name=name, permissions=permissions or [], databases=databases, domain_name=tenant
        )
        with acting_as(by):
            return (await roles.create_role.wait_for_complete(action)).data

    return make


@pytest.fixture
def assign(roles: RoleProcessors) -> Assign:
    """Assign roles to a user."""

    async def assigned(user: UserData, *named: str, by: Actor | UserData = SYSTEM) -> None:
        with acting_as(by):
            action = AssignRolesAction(user.username, list(named))
            await roles.assign_roles.wait_for_complete(action)

    return assigned


@pytest.fixture
def roles_of(tenantry: App) -> RolesOf:
    """The names of the roles that a user holds."""

    async def names(user: UserData) -> list[str]:
        found = await tenantry.users.get_user.wait_for_complete(GetUserAction(user=str(user.id)))
        return found.data.roles

    return names
