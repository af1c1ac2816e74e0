"""Looking for a user who may not be there."""

import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated
from tenantry.kernel.action import ANONYMOUS, Outcome, acting_as
from tenantry.users.actions import FindUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail

pytestmark = pytest.mark.anyio


async def find(app: App, name: str) -> UserData | None:
    return (await app.users.find_user.wait_for_complete(FindUserAction(user=name))).data


async def test_a_user_is_found_by_name_id_and_address(tenantry: App, john: UserData) -> None:
    assert await find(tenantry, "John") == john
    assert await find(tenantry, str(john.id)) == john
    by_email = FindUserAction(email="JOHN@example.com")
    assert (await tenantry.users.find_user.wait_for_complete(by_email)).data == john


async def test_finding_nobody_is_no_error(tenantry: App, trail: Trail) -> None:
    assert await find(tenantry, "nobody") is None
    assert await find(tenantry, "0190b8f0-0000-7000-8000-000000000000") is None
    assert await trail("user.find") == []


async def test_who_is_out_of_sight_is_not_found(
    tenantry: App, john: UserData, admin: UserData, monitor: UserData, stranger: UserData
) -> None:
    for who, seen in ((john, False), (admin, True), (monitor, True)):
        with acting_as(who):
            assert (await find(tenantry, admin.username) is not None) is seen
            assert await find(tenantry, "stranger") is None
            assert await find(tenantry, str(stranger.id)) is None


async def test_without_a_login_nobody_is_looked_for(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await find(tenantry, "john")
    assert [entry.outcome for entry in await trail("user.find")] == [Outcome.DENIED]
