"""What the tests of tenants need."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tenantry.app import App
from tenantry.tenants.actions import CreateTenantAction, FindTenantAction
from tenantry.tenants.model import CreatedTenant, TenantData
from tenantry.testing.users import make_user
from tenantry.users.actions import FindUserAction
from tenantry.users.model import UserData, UserRole

MakeTenant = Callable[..., Awaitable[CreatedTenant]]
FindUser = Callable[[str], Awaitable[UserData | None]]
FindTenant = Callable[[str], Awaitable[TenantData | None]]


@pytest.fixture
def make_tenant(tenantry: App) -> MakeTenant:
    """Create a tenant."""

    async def make(name: str, **more: Any) -> CreatedTenant:
        action = CreateTenantAction(name, **more)
        return (await tenantry.tenants.create_tenant.wait_for_complete(action)).data

    return make


@pytest.fixture
def find_tenant(tenantry: App) -> FindTenant:
    """The tenant of this name, as it is now."""

    async def find(name: str) -> TenantData | None:
        action = FindTenantAction(name)
        return (await tenantry.tenants.find_tenant.wait_for_complete(action)).data

    return find


@pytest.fixture
def find_user(tenantry: App) -> FindUser:
    """The user of this name, as it is now."""

    async def find(name: str) -> UserData | None:
        return (await tenantry.users.find_user.wait_for_complete(FindUserAction(user=name))).data

    return find


@pytest.fixture
async def acme(make_tenant: MakeTenant) -> CreatedTenant:
    """A tenant beside the first one, with the admin ``wile``."""
    return await make_tenant("acme", description="Makers of anvils", admin_username="wile")


@pytest.fixture
async def roadrunner(tenantry: App, acme: CreatedTenant) -> UserData:
    """A plain user of acme."""
    return await make_user(tenantry, "roadrunner", domain_name="acme")


@pytest.fixture
async def wile(find_user: FindUser, acme: CreatedTenant) -> UserData:
    """The admin of acme."""
    found = await find_user("wile")
    assert found is not None
    assert found.role is UserRole.ADMIN
    return found
