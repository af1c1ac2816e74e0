"""Who may change what of whom."""

import pytest

from tenantry.app import App
from tenantry.errors import (
    NotAuthenticated,
    PermissionError,
    StateConflict,
    TenantryError,
    UserModificationBadRequest,
    UserNotFound,
)
from tenantry.kernel.action import ANONYMOUS, Actor, Origin, acting_as
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole, UserStatus
from tests.users.modifying import CHANGES, get, modify

pytestmark = pytest.mark.anyio


async def test_a_user_changes_the_own_profile_and_nothing_else(
    tenantry: App, john: UserData
) -> None:
    with acting_as(john):
        changed = await modify(tenantry, "john", full_name="J", description="D", phone="1")
        assert (changed.full_name, changed.description, changed.phone) == ("J", "D", "1")
        for field in set(CHANGES) - {"full_name", "description", "phone"}:
            with pytest.raises(PermissionError):
                await modify(tenantry, "john", **{field: CHANGES[field]})
        with pytest.raises(PermissionError) as refused:
            await modify(tenantry, "john", password="another passphrase")
        assert refused.value.field == "password"
    assert await get(tenantry, "john") == changed


async def test_a_user_learns_nothing_of_other_tenants(
    tenantry: App, john: UserData, admin: UserData, other_tenant: str
) -> None:
    for who in (john, admin):
        answers = []
        for tenant in (other_tenant, "nowhere"):
            with acting_as(who), pytest.raises(TenantryError) as refused:
                await modify(tenantry, who.username, domain_name=tenant)
            answers.append((type(refused.value), str(refused.value).replace(tenant, "X")))
        assert answers[0] == answers[1]


async def test_a_user_does_not_see_anybody_else_to_change(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(john), pytest.raises(UserNotFound):
        await modify(tenantry, admin.username, full_name="X")


async def test_a_monitor_changes_nothing(tenantry: App, john: UserData, monitor: UserData) -> None:
    with acting_as(monitor):
        for name in ("john", monitor.username):
            with pytest.raises(PermissionError):
                await modify(tenantry, name, full_name="X")


async def test_an_admin_changes_what_a_user_of_the_own_tenant_is(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(admin):
        changed = await modify(
            tenantry, "john", role=UserRole.ADMIN, status=UserStatus.SUSPENDED, container_uid=1000
        )
    assert (changed.role, changed.status, changed.container_uid) == ("admin", "suspended", 1000)


async def test_an_admin_raises_nobody_to_superadmin(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(admin):
        for name in ("john", admin.username):
            with pytest.raises(PermissionError) as refused:
                await modify(tenantry, name, role=UserRole.SUPERADMIN)
            assert refused.value.field == "role"


async def test_an_admin_leaves_superadmins_alone(
    tenantry: App, admin: UserData, root: UserData
) -> None:
    with acting_as(admin):
        for said in (
            {"full_name": "X"},
            {"role": UserRole.USER},
            {"status": UserStatus.SUSPENDED},
            {"password": "another passphrase"},
            {"email": "mine@example.com"},
        ):
            with pytest.raises(PermissionError):
                await modify(tenantry, "root", **said)
    assert await get(tenantry, "root") == root


async def test_another_tenants_user_does_not_exist_for_an_admin(
    tenantry: App, admin: UserData, stranger: UserData
) -> None:
    with acting_as(admin):
        for name in ("stranger", str(stranger.id)):
            with pytest.raises(UserNotFound):
                await modify(tenantry, name, full_name="X")


async def test_an_admin_moves_nobody_out_of_the_tenant(
    tenantry: App, john: UserData, admin: UserData, other_tenant: str
) -> None:
    with acting_as(admin), pytest.raises(UserModificationBadRequest):
        await modify(tenantry, "john", domain_name=other_tenant)
    assert (await get(tenantry, "john")).domain_name == "default"


async def test_a_superadmin_moves_a_user_to_another_tenant(
    tenantry: App, john: UserData, superadmin: Actor, other_tenant: str
) -> None:
    with acting_as(superadmin):
        moved = await modify(tenantry, "john", domain_name="OTHER")
    assert moved.domain_name == other_tenant
    assert moved.tenant_id != john.tenant_id


@pytest.mark.parametrize("role", [UserRole.SUPERADMIN, UserRole.ADMIN])
async def test_nobody_changes_the_own_role_or_status(tenantry: App, role: UserRole) -> None:
    await make_user(tenantry, "spare", role=role)
    me = await make_user(tenantry, "me", role=role)
    with acting_as(me):
        for said in (
            {"role": UserRole.USER},
            {"status": UserStatus.SUSPENDED},
            {"is_active": False},
            {"status": UserStatus.DELETED},
        ):
            with pytest.raises(PermissionError):
                await modify(tenantry, "me", **said)
    assert await get(tenantry, "me") == me


async def test_nobody_shuts_out_the_own_address_without_force(
    tenantry: App, admin: UserData
) -> None:
    origin = Origin(face="http", address="203.0.113.7")
    with acting_as(admin, origin):
        with pytest.raises(StateConflict) as refused:
            await modify(tenantry, admin.username, allowed_client_ip=["10.0.0.0/8"])
        assert refused.value.field == "allowed_client_ip"
        inside = await modify(tenantry, admin.username, allowed_client_ip=["203.0.113.*"])
        assert inside.allowed_client_ip == ["203.0.113.0/24"]
        forced = await modify(
            tenantry, admin.username, force=True, allowed_client_ip=["10.0.0.0/8"]
        )
    assert forced.allowed_client_ip == ["10.0.0.0/8"]


async def test_without_a_login_nobody_is_changed(tenantry: App, john: UserData) -> None:
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await modify(tenantry, "john", full_name="X")
