"""Roles come, move and go with their users, and go with their tenant."""

import asyncpg
import pytest

from tenantry.app import App
from tenantry.kernel.modifier import OptionalState
from tenantry.roles.actions import FindRoleAction, ListRoleMembersAction
from tenantry.roles.processors import RoleProcessors
from tenantry.tenants.actions import (
    AssignUserToTenantAction,
    CreateTenantAction,
    DeleteTenantAction,
    PreviewTenantDeletionAction,
    SetTenantIsolationAction,
)
from tenantry.testing.users import make_user
from tenantry.users.actions import ModifyUserAction, PreviewPurgeAction, PurgeUserAction
from tenantry.users.model import UserData, UserModifier
from tests.conftest import Trail

from .conftest import Assign, MakeRole, RolesOf

pytestmark = pytest.mark.anyio


async def test_who_moves_leaves_the_roles_of_the_old_tenant_and_those_beyond_a_wall(
    tenantry: App,
    make_role: MakeRole,
    assign: Assign,
    roles_of: RolesOf,
    john: UserData,
    other_tenant: str,
    trail: Trail,
    owner: asyncpg.Connection,
) -> None:
    await tenantry.run(CreateTenantAction("third"))
    await make_role("shared")
    await make_role("old", tenant="default")
    new = await make_role("new", tenant=other_tenant)
    third = await make_role("third", tenant="third")
    await assign(john, "shared", "old", str(new.id), str(third.id))
    await tenantry.run(AssignUserToTenantAction(other_tenant, "john"))
    assert await roles_of(john) == ["new", "shared", "third"]
    [moved, left] = await trail("tenant.assign_user")
    entries = {name: values for e in (moved, left) for name, values in (e.changes or {}).items()}
    assert entries["roles"] == [["new", "old", "shared", "third"], ["new", "shared", "third"]]
    noted = "select count(*) from change_log where kind = 'user' and subject_id = $1"
    assert await owner.fetchval(noted, john.id) >= 2
    await tenantry.run(SetTenantIsolationAction("third", isolated=True))
    back = UserModifier(domain_name=OptionalState.update("default"))
    await tenantry.run(ModifyUserAction(user="john", modifier=back))
    assert await roles_of(john) == ["shared"]


async def test_a_purge_counts_and_forgets_the_roles_that_were_held(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, assign: Assign, john: UserData
) -> None:
    for name in ("developer", "tester"):
        await make_role(name)
    await assign(john, "developer", "tester")
    preview = await tenantry.run(PreviewPurgeAction(user="john"))
    assert preview.data.steps["roles"] == {"removed": 2}
    purged = await tenantry.run(PurgeUserAction(user="john"))
    assert purged.data.done
    assert purged.data.steps["roles"] == {"removed": 2}
    again = await make_user(tenantry, "john")
    assert again.roles == []
    page = await roles.list_members.wait_for_complete(ListRoleMembersAction(role="tester"))
    assert page.items == []


async def test_roles_go_with_their_tenant(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, assign: Assign, john: UserData
) -> None:
    await tenantry.run(CreateTenantAction("acme"))
    person = await make_user(tenantry, "wile", domain_name="acme")
    await make_role("shared")
    own = await make_role("own", tenant="acme")
    await assign(person, "own", "shared")
    await assign(john, str(own.id))
    preview = await tenantry.run(PreviewTenantDeletionAction("acme"))
    assert preview.data.removed["roles"] == 1
    deleted = await tenantry.run(DeleteTenantAction("acme"))
    assert deleted.data.removed["roles"] == 1
    assert (await roles.find_role.wait_for_complete(FindRoleAction(str(own.id)))).data is None
    shared = (await roles.find_role.wait_for_complete(FindRoleAction("shared"))).data
    assert shared is not None
    assert shared.user_count == 0
