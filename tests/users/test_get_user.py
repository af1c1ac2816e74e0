"""Showing a user."""

import pytest

from tenantry.app import App
from tenantry.errors import UserNotFound
from tenantry.kernel.action import acting_as
from tenantry.testing.users import make_user
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["john", "JOHN", " john ", "ｊｏｈｎ"])
async def test_a_user_is_found_under_any_form_of_the_name(
    tenantry: App, john: UserData, name: str
) -> None:
    result = await tenantry.users.get_user.wait_for_complete(GetUserAction(user=name))
    assert result.data == john


async def test_a_user_is_found_by_id_and_by_email(tenantry: App, john: UserData) -> None:
    by_id = await tenantry.users.get_user.wait_for_complete(GetUserAction(user=str(john.id)))
    by_email = await tenantry.users.get_user.wait_for_complete(GetUserAction("John@Example.COM"))
    assert by_id.data == by_email.data == john


async def test_somebody_else_does_not_exist_for_a_plain_user(tenantry: App, john: UserData) -> None:
    await make_user(tenantry, "jane")
    with acting_as(john), pytest.raises(UserNotFound):
        await tenantry.users.get_user.wait_for_complete(GetUserAction(user="jane"))
