"""Bringing a deleted user back."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import NotAuthenticated, PermissionError, StateConflict, UserNotFound
from tenantry.kernel.action import ANONYMOUS, Outcome, acting_as
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction, RestoreUserAction
from tenantry.users.model import UserData, UserRole, UserStatus
from tests.conftest import Trail

pytestmark = pytest.mark.anyio


async def restore(app: App, user: str) -> UserData:
    return (await app.users.restore_user.wait_for_complete(RestoreUserAction(user=user))).data


async def delete(app: App, user: str) -> UserData:
    return (await app.users.delete_user.wait_for_complete(DeleteUserAction(user=user))).data


async def test_a_restored_user_is_active_and_can_log_in_again(
    tenantry: App, john: UserData
) -> None:
    await delete(tenantry, "john")
    refused = await tenantry.auth.authenticate.wait_for_complete(
        AuthenticateAction("john", PASSWORD)
    )
    assert refused.success is False
    restored = await restore(tenantry, "john")
    assert (restored.status, restored.deleted_at) == (UserStatus.ACTIVE, None)
    assert restored.id == john.id
    login = await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("john", PASSWORD))
    assert login.success is True


@pytest.mark.parametrize("status", [UserStatus.ACTIVE, UserStatus.INACTIVE, UserStatus.SUSPENDED])
async def test_only_a_deleted_user_can_be_restored(tenantry: App, status: UserStatus) -> None:
    await make_user(tenantry, "ada", status=status)
    with pytest.raises(StateConflict):
        await restore(tenantry, "ada")


async def test_of_two_who_restore_at_once_one_is_told_that_it_is_done(
    tenantry: App, john: UserData
) -> None:
    await delete(tenantry, "john")
    results = await asyncio.gather(
        restore(tenantry, "john"), restore(tenantry, "john"), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["StateConflict", "UserData"]


async def test_who_may_restore(
    tenantry: App, john: UserData, admin: UserData, monitor: UserData, stranger: UserData
) -> None:
    chief = await make_user(tenantry, "chief", role=UserRole.SUPERADMIN)
    for user in (john, stranger, chief):
        await delete(tenantry, user.username)
    other = await make_user(tenantry, "other")
    for who in (other, monitor):
        with acting_as(who), pytest.raises(PermissionError):
            await restore(tenantry, "john")
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await restore(tenantry, "john")
    with acting_as(admin):
        assert (await restore(tenantry, "john")).status is UserStatus.ACTIVE
        with pytest.raises(UserNotFound):
            await restore(tenantry, "stranger")
        with pytest.raises(PermissionError):
            await restore(tenantry, "chief")


async def test_restoring_leaves_an_entry_whatever_comes_of_it(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    await delete(tenantry, "john")
    await restore(tenantry, "john")
    with pytest.raises(StateConflict):
        await restore(tenantry, "john")
    with acting_as(john), pytest.raises(PermissionError):
        await restore(tenantry, "john")
    denied, failed, done = await trail("user.restore")
    assert (done.outcome, done.target_id) == (Outcome.SUCCEEDED, john.id)
    assert done.changes == {"status": ["deleted", "active"]}
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, "state_conflict")
    assert (denied.outcome, denied.actor) == (Outcome.DENIED, "john")
