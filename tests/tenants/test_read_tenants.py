"""Reading tenants: who sees which, and lists that count as one looks."""

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, PermissionError, TenantNotFound
from tenantry.kernel.action import acting_as
from tenantry.tenants.actions import (
    FindTenantAction,
    GetTenantAction,
    ListTenantsAction,
    ListTenantUsersAction,
    SearchTenantsAction,
    SuspendTenantAction,
)
from tenantry.tenants.model import CreatedTenant, TenantData, TenantStatus
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole
from tests.tenants.conftest import FindTenant, MakeTenant

pytestmark = pytest.mark.anyio


async def listed(tenantry: App) -> list[TenantData]:
    return (await tenantry.tenants.list_tenants.wait_for_complete(ListTenantsAction())).items


async def found(tenantry: App, **asked: object) -> list[str]:
    action = SearchTenantsAction(**asked)  # type: ignore[arg-type]  # of any field
    page = await tenantry.tenants.search_tenants.wait_for_complete(action)
    return [tenant.name for tenant in page.items]


async def test_a_tenant_is_shown_and_an_unknown_one_is_an_error(
    tenantry: App, acme: CreatedTenant
) -> None:
    shown = await tenantry.tenants.get_tenant.wait_for_complete(GetTenantAction("ACME"))
    assert (shown.data.id, shown.data.description) == (acme.id, "Makers of anvils")
    with pytest.raises(TenantNotFound):
        await tenantry.tenants.get_tenant.wait_for_complete(GetTenantAction("umbrella"))


async def test_looking_for_a_tenant_that_is_not_there_is_no_error(
    tenantry: App, acme: CreatedTenant
) -> None:
    for name, there in (("acme", True), ("umbrella", False)):
        found = await tenantry.tenants.find_tenant.wait_for_complete(FindTenantAction(name))
        assert (found.data is not None) is there


async def test_the_list_counts_the_users_there_are_now(
    tenantry: App, acme: CreatedTenant, roadrunner: UserData
) -> None:
    assert {t.name: t.user_count for t in await listed(tenantry)} == {"acme": 2, "default": 1}
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="roadrunner"))
    assert {t.name: t.user_count for t in await listed(tenantry)} == {"acme": 1, "default": 1}


async def test_a_list_goes_on_page_by_page_in_order(tenantry: App, make_tenant: MakeTenant) -> None:
    for name in ("delta", "Bravo", "charlie", "alpha"):
        await make_tenant(name)
    names, cursor = [], None
    while True:
        action = ListTenantsAction(limit=2, cursor=cursor)
        page = await tenantry.tenants.list_tenants.wait_for_complete(action)
        names += [tenant.name for tenant in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == ["alpha", "Bravo", "charlie", "default", "delta"]
    with pytest.raises(InvalidInput):
        await tenantry.tenants.list_tenants.wait_for_complete(ListTenantsAction(cursor="x"))


async def test_a_search_looks_into_name_and_description(
    tenantry: App, acme: CreatedTenant, make_tenant: MakeTenant
) -> None:
    await make_tenant("50% off", description="Sales")
    assert await found(tenantry, text="ANVIL") == ["acme"]
    assert await found(tenantry, text="cm") == ["acme"]
    assert await found(tenantry, text="%") == ["50% off"]
    assert await found(tenantry, isolated=True) == []
    await tenantry.tenants.suspend_tenant.wait_for_complete(SuspendTenantAction("acme"))
    assert await found(tenantry, status=TenantStatus.SUSPENDED) == ["acme"]


async def test_admins_and_monitors_see_their_own_tenant_only(
    tenantry: App, acme: CreatedTenant, wile: UserData
) -> None:
    watcher = await make_user(tenantry, "watcher", domain_name="acme", role=UserRole.MONITOR)
    for actor in (wile, watcher):
        with acting_as(actor):
            assert [tenant.name for tenant in await listed(tenantry)] == ["acme"]
            assert await found(tenantry, text="a") == ["acme"]
            own = await tenantry.tenants.get_tenant.wait_for_complete(GetTenantAction("acme"))
            assert own.data.id == acme.id
            with pytest.raises(TenantNotFound):
                await tenantry.tenants.get_tenant.wait_for_complete(GetTenantAction("default"))


async def test_a_plain_user_reads_no_tenant(tenantry: App, roadrunner: UserData) -> None:
    with acting_as(roadrunner), pytest.raises(PermissionError):
        await tenantry.tenants.get_tenant.wait_for_complete(GetTenantAction("acme"))


async def test_the_users_of_a_tenant_are_listed_with_the_admin(
    tenantry: App, wile: UserData, roadrunner: UserData, find_tenant: FindTenant
) -> None:
    async def users(tenant: str) -> list[str]:
        action = ListTenantUsersAction(tenant)
        page = await tenantry.tenants.list_users.wait_for_complete(action)
        return [user.username for user in page.items]

    assert await users("acme") == ["roadrunner", "wile"]
    assert await users("default") == ["root"]
    with acting_as(wile):
        assert await users("acme") == ["roadrunner", "wile"]
        for hidden in ("default", "umbrella"):
            with pytest.raises(TenantNotFound):
                await users(hidden)
