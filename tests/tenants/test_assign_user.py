"""Moving users between tenants: what comes along, what stays, and who cannot leave."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import (
    LastAdministrator,
    NotAuthenticated,
    PermissionError,
    StateConflict,
    TenantLimitReached,
    TenantNotFound,
    UserNotFound,
)
from tenantry.groups.actions import AddMemberAction, CreateGroupAction, ListGroupsAction
from tenantry.kernel.action import Origin, acting_as
from tenantry.kernel.modifier import TriState
from tenantry.storage.actions import CreateVfolderAction
from tenantry.tenants.actions import AssignUserToTenantAction, UpdateTenantAction
from tenantry.tenants.model import CreatedTenant, TenantModifier
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail
from tests.tenants.conftest import FindUser, MakeTenant

pytestmark = pytest.mark.anyio


async def move(tenantry: App, user: str, tenant: str = "acme") -> UserData:
    action = AssignUserToTenantAction(tenant, user)
    return (await tenantry.tenants.assign_user.wait_for_complete(action)).data


async def test_a_user_moves_with_its_folders_and_without_its_groups(
    tenantry: App, acme: CreatedTenant, john: UserData, owner: asyncpg.Connection, trail: Trail
) -> None:
    await tenantry.groups.create_group.wait_for_complete(CreateGroupAction(name="crew"))
    member = AddMemberAction(group="crew", user="john")
    await tenantry.groups.add_member.wait_for_complete(member)
    with acting_as(john):
        await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction(name="data"))
    moved = await move(tenantry, "john")
    assert (moved.id, moved.domain_name, moved.tenant_id) == (john.id, "acme", acme.id)
    groups = await tenantry.groups.list_groups.wait_for_complete(ListGroupsAction(user="john"))
    assert groups.items == []
    assert await owner.fetchval("select tenant_id from vfolders") == acme.id
    entries = await trail("tenant.assign_user")
    changes = {name: pair for entry in entries for name, pair in entry.changes.items()}
    assert changes["domain_name"] == ["default", "acme"]
    assert changes["group_ids"] == [["crew"], []]


async def test_a_move_ends_the_sessions_and_can_be_repeated(
    tenantry: App, acme: CreatedTenant, john: UserData
) -> None:
    login = AuthenticateAction("john", PASSWORD)
    result = await tenantry.auth.authenticate.wait_for_complete(login)
    assert result.session_token is not None
    moved = await move(tenantry, "john")
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(result.session_token, Origin("http", "203.0.113.7"))
    assert await move(tenantry, str(john.id), str(acme.id)) == moved


async def test_unknown_users_and_tenants_are_named(
    tenantry: App, acme: CreatedTenant, john: UserData
) -> None:
    with pytest.raises(UserNotFound):
        await move(tenantry, "nobody")
    with pytest.raises(TenantNotFound):
        await move(tenantry, "john", "umbrella")


async def test_the_last_admin_stays(
    tenantry: App, make_tenant: MakeTenant, wile: UserData, find_user: FindUser
) -> None:
    await make_tenant("umbrella")
    with pytest.raises(LastAdministrator):
        await move(tenantry, "wile", "umbrella")
    await make_user(tenantry, "second", domain_name="acme", role=UserRole.ADMIN)
    assert (await move(tenantry, "wile", "umbrella")).domain_name == "umbrella"


async def test_of_the_last_two_admins_who_are_moved_at_once_one_stays(
    tenantry: App, make_tenant: MakeTenant, wile: UserData, owner: asyncpg.Connection
) -> None:
    await make_tenant("umbrella")
    await make_user(tenantry, "second", domain_name="acme", role=UserRole.ADMIN)
    moves = [move(tenantry, name, "umbrella") for name in ("wile", "second")]
    results = await asyncio.gather(*moves, return_exceptions=True)
    assert sum(isinstance(result, LastAdministrator) for result in results) == 1
    left = await owner.fetchval(
        "select count(*) from users where tenant_id = $1 and role = 'admin'", wile.tenant_id
    )
    assert left == 1


async def test_a_full_tenant_takes_nobody_over(
    tenantry: App, acme: CreatedTenant, john: UserData, find_user: FindUser
) -> None:
    full = UpdateTenantAction("acme", TenantModifier(max_users=TriState.update(1)))
    await tenantry.tenants.update_tenant.wait_for_complete(full)
    with pytest.raises(TenantLimitReached):
        await move(tenantry, "john")
    assert await find_user("john") == john


async def test_only_the_platform_moves_users(
    tenantry: App, wile: UserData, john: UserData, find_user: FindUser
) -> None:
    with acting_as(wile), pytest.raises(PermissionError):
        await move(tenantry, "john")
    assert await find_user("john") == john


async def test_nobody_moves_into_a_tenant_that_goes(
    tenantry: App, acme: CreatedTenant, john: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute("update tenants set status = 'deleting' where id = $1", acme.id)
    with pytest.raises(StateConflict, match="being deleted"):
        await move(tenantry, "john")
