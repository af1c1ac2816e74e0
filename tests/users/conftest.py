"""The people whom the tests of users need, and a look at the audit."""

import pytest

from tenantry.app import App
from tenantry.testing.users import make_user
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData, UserRole


@pytest.fixture
async def monitor(tenantry: App) -> UserData:
    """A monitor of the first tenant."""
    return await make_user(tenantry, "monica", role=UserRole.MONITOR)


@pytest.fixture
async def root(tenantry: App) -> UserData:
    """The superadmin that the first start made."""
    return (await tenantry.users.get_user.wait_for_complete(GetUserAction(user="root"))).data
