"""Deleting a user softly."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated, PermissionError, UserNotFound
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, GetUserAction
from tenantry.users.model import UserData, UserRole, UserStatus
from tests.conftest import Trail

pytestmark = pytest.mark.anyio


async def delete(app: App, user: str) -> UserData:
    return (await app.users.delete_user.wait_for_complete(DeleteUserAction(user=user))).data


async def test_scenario_25_a_deleted_user_stays_as_a_row(tenantry: App, john: UserData) -> None:
    deleted = await delete(tenantry, "john")
    assert deleted.status is UserStatus.DELETED
    assert deleted.status_info == "admin-requested"
    assert deleted.deleted_at == deleted.modified_at
    kept = "id username email full_name role tenant_id resource_policy created_at"
    assert all(getattr(deleted, name) == getattr(john, name) for name in kept.split())


@pytest.mark.parametrize("status", [UserStatus.INACTIVE, UserStatus.SUSPENDED])
async def test_scenario_26_an_inactive_user_can_be_deleted(
    tenantry: App, status: UserStatus
) -> None:
    await make_user(tenantry, "ada", status=status)
    assert (await delete(tenantry, "ada")).status is UserStatus.DELETED


async def test_scenario_27_deleting_again_changes_nothing(tenantry: App, john: UserData) -> None:
    assert await delete(tenantry, "john") == await delete(tenantry, "john")


async def test_deleting_by_two_at_once_is_done_once(tenantry: App, john: UserData) -> None:
    first, second = await asyncio.gather(delete(tenantry, "john"), delete(tenantry, "john"))
    assert first == second
    assert first.version == john.version + 1


async def test_scenario_28_nobody_is_deleted_who_is_not_there(tenantry: App) -> None:
    with pytest.raises(UserNotFound):
        await delete(tenantry, "nobody")


async def test_who_may_delete(
    tenantry: App,
    john: UserData,
    admin: UserData,
    monitor: UserData,
    stranger: UserData,
    superadmin: Actor,
    owner: asyncpg.Connection,
) -> None:
    victims = [await make_user(tenantry, f"victim{i}") for i in range(3)]
    for who in (john, monitor):
        with acting_as(who), pytest.raises(PermissionError):
            await delete(tenantry, "victim0")
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await delete(tenantry, "victim0")
    with acting_as(stranger), pytest.raises(PermissionError):
        await delete(tenantry, "victim0")
    with acting_as(admin):
        assert (await delete(tenantry, "victim1")).status is UserStatus.DELETED
        with pytest.raises(UserNotFound):
            await delete(tenantry, "stranger")
        with pytest.raises(PermissionError):
            await delete(tenantry, "root")
    with acting_as(superadmin):
        assert (await delete(tenantry, "victim2")).status is UserStatus.DELETED
        assert (await delete(tenantry, "stranger")).status is UserStatus.DELETED
    kept = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="victim0"))
    assert kept.data == victims[0]


@pytest.mark.parametrize("role", [UserRole.SUPERADMIN, UserRole.ADMIN])
async def test_nobody_deletes_themselves(tenantry: App, role: UserRole) -> None:
    await make_user(tenantry, "spare", role=role)
    me = await make_user(tenantry, "me", role=role)
    with acting_as(me):
        for name in ("me", "ME", str(me.id)):
            with pytest.raises(PermissionError):
                await delete(tenantry, name)


async def test_a_deletion_leaves_an_entry(
    tenantry: App, john: UserData, admin: UserData, trail: Trail
) -> None:
    with acting_as(admin):
        await delete(tenantry, "john")
    (entry,) = await trail("user.delete")
    assert (entry.outcome, entry.actor_id) == (Outcome.SUCCEEDED, admin.id)
    assert (entry.target, entry.target_id) == ("john", john.id)
    assert entry.changes == {"status": ["active", "deleted"]}


async def test_denied_and_failed_deletions_leave_an_entry_each(
    tenantry: App, john: UserData, admin: UserData, trail: Trail
) -> None:
    with acting_as(admin), pytest.raises(PermissionError):
        await delete(tenantry, admin.username)
    with pytest.raises(UserNotFound):
        await delete(tenantry, "nobody")
    failed, denied = await trail("user.delete")
    assert (denied.outcome, denied.target) == (Outcome.DENIED, admin.username)
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, "user_not_found")
