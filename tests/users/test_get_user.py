"""Showing a user."""

import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated, UserNotFound
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, GetUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail

pytestmark = pytest.mark.anyio


async def get(app: App, name: str) -> UserData:
    return (await app.users.get_user.wait_for_complete(GetUserAction(user=name))).data


@pytest.mark.parametrize("name", ["john", "JOHN", " john ", "ｊｏｈｎ"])
async def test_a_user_is_found_under_any_form_of_the_name(
    tenantry: App, john: UserData, name: str
) -> None:
    assert await get(tenantry, name) == john


async def test_a_user_is_found_by_id_and_by_email(tenantry: App, john: UserData) -> None:
    assert await get(tenantry, str(john.id)) == john
    assert await get(tenantry, str(john.id).upper()) == john
    by_email = await tenantry.users.get_user.wait_for_complete(GetUserAction("John@Example.COM"))
    assert by_email.data == john
    assert by_email.success is True


async def test_scenario_29_a_deleted_user_can_still_be_shown(tenantry: App, john: UserData) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    assert (await get(tenantry, "john")).status == "deleted"


async def test_somebody_else_does_not_exist_for_a_plain_user(tenantry: App, john: UserData) -> None:
    await make_user(tenantry, "jane")
    with acting_as(john):
        assert await get(tenantry, "john") == john
        with pytest.raises(UserNotFound):
            await get(tenantry, "jane")


async def test_another_tenants_user_is_like_nobody_for_admins_and_monitors(
    tenantry: App, john: UserData, admin: UserData, monitor: UserData, stranger: UserData
) -> None:
    for who in (admin, monitor):
        with acting_as(who):
            assert await get(tenantry, "john") == john
            answers = []
            for action in (
                GetUserAction(user="stranger"),
                GetUserAction(user=str(stranger.id)),
                GetUserAction(stranger.email),
                GetUserAction(user="nobody"),
            ):
                with pytest.raises(UserNotFound) as refused:
                    await tenantry.users.get_user.wait_for_complete(action)
                answers.append((refused.value.message, refused.value.data))
            assert all(answer == answers[0] for answer in answers)


async def test_a_superadmin_sees_everybody(
    tenantry: App, superadmin: Actor, stranger: UserData
) -> None:
    with acting_as(superadmin):
        assert await get(tenantry, "stranger") == stranger


async def test_without_a_login_nobody_is_shown(tenantry: App, john: UserData) -> None:
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await get(tenantry, "john")


async def test_only_what_fails_leaves_an_entry(tenantry: App, john: UserData, trail: Trail) -> None:
    await get(tenantry, "john")
    assert await trail("user.get") == []
    with pytest.raises(UserNotFound):
        await get(tenantry, "nobody")
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await get(tenantry, "john")
    denied, failed = await trail("user.get")
    assert (failed.outcome, failed.reason, failed.target) == (
        Outcome.FAILED,
        "user_not_found",
        "nobody",
    )
    assert (denied.outcome, denied.reason) == (Outcome.DENIED, "not_authenticated")
    assert (denied.actor, denied.actor_id) == ("anonymous", None)
