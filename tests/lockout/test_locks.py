"""A lock shuts a user out of everything at once, until it expires or somebody lifts it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.access_keys.actions import IssueAccessKeyAction
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import (
    InvalidInput,
    LastAdministrator,
    NotAuthenticated,
    PermissionError,
    StateConflict,
    UserNotFound,
)
from tenantry.kernel.action import Actor, Origin, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.lockout.actions import (
    GetLockStatusAction,
    ListLockedAccountsAction,
    LockAccountAction,
    UnlockAccountAction,
)
from tenantry.lockout.model import LockStatus
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import (
    DeleteUserAction,
    GetUserAction,
    ModifyUserAction,
    RestoreUserAction,
    SearchUsersAction,
)
from tenantry.users.model import UserData, UserFilter, UserModifier, UserRole, UserStatus
from tests.lockout.conftest import LoginFrom

pytestmark = pytest.mark.anyio

HERE = Origin("http", "203.0.113.7")


async def lock(app: App, name: str = "john", minutes: float | None = None) -> LockStatus:
    action = LockAccountAction(user=name, reason="odd logins", duration_minutes=minutes)
    return await app.locks.lock_account.wait_for_complete(action)


async def unlock(app: App, name: str = "john") -> LockStatus:
    return await app.locks.unlock_account.wait_for_complete(UnlockAccountAction(user=name))


async def status(app: App, name: str = "john") -> LockStatus:
    return await app.locks.get_lock_status.wait_for_complete(GetLockStatusAction(user=name))


async def token_of(login_from: LoginFrom, name: str = "john") -> str:
    result = await login_from(name, PASSWORD)
    assert result.session_token is not None
    return result.session_token


async def with_status(app: App, wanted: UserStatus) -> list[str]:
    action = SearchUsersAction(filter=UserFilter(status=wanted))
    page = await app.users.search_users.wait_for_complete(action)
    return [user.username for user in page.items]


async def set_status(app: App, wanted: UserStatus) -> UserData:
    modifier = UserModifier(status=OptionalState.update(wanted))
    action = ModifyUserAction(user="john", modifier=modifier)
    return (await app.users.modify_user.wait_for_complete(action)).data


async def test_a_lock_tells_reason_expiry_and_who(
    tenantry: App, john: UserData, admin: UserData, clock: ShiftedClock
) -> None:
    assert await status(tenantry) == LockStatus(username="john", is_locked=False)
    before = clock.now()
    with acting_as(admin):
        told = await lock(tenantry, minutes=30)
    assert told == await status(tenantry)
    assert (told.is_locked, told.reason, told.locked_by) == (True, "odd logins", "adele")
    assert told.locked_at is not None
    assert told.expires_at is not None
    assert before <= told.locked_at <= clock.now()
    assert told.expires_at - told.locked_at == timedelta(minutes=30)


async def test_a_lock_ends_open_sessions_and_lets_no_login_and_no_key_in(
    tenantry: App, john: UserData, login_from: LoginFrom
) -> None:
    token = await token_of(login_from)
    with acting_as(john):
        issued = await tenantry.access_keys.issue.wait_for_complete(IssueAccessKeyAction())
    key = str(issued.token)
    await tenantry.access_key_identifier.identify_bearer(key, HERE)
    await lock(tenantry)
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HERE)
    with pytest.raises(NotAuthenticated):
        await tenantry.access_key_identifier.identify_bearer(key, HERE)
    assert not (await login_from("john", PASSWORD)).success
    await unlock(tenantry)
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HERE)
    await tenantry.access_key_identifier.identify_bearer(key, HERE)
    assert (await login_from("john", PASSWORD)).success


async def test_a_lock_lifts_itself_exactly_when_it_expires(
    tenantry: App, john: UserData, clock: ShiftedClock, login_from: LoginFrom
) -> None:
    await lock(tenantry, minutes=30)
    clock.advance(minutes=29, seconds=50)
    assert (await status(tenantry)).is_locked
    assert not (await login_from("john", PASSWORD)).success
    clock.advance(seconds=10)
    assert await status(tenantry) == LockStatus(username="john", is_locked=False)
    assert (await login_from("john", PASSWORD)).success


async def test_the_status_of_a_user_is_the_effective_one(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    assert await with_status(tenantry, UserStatus.LOCKED) == []
    await lock(tenantry, minutes=5)
    assert await with_status(tenantry, UserStatus.LOCKED) == ["john"]
    assert "john" not in await with_status(tenantry, UserStatus.ACTIVE)
    found = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="john"))
    assert (found.data.status, found.data.is_active) == (UserStatus.LOCKED, False)
    clock.advance(minutes=5)
    assert await with_status(tenantry, UserStatus.LOCKED) == []
    assert "john" in await with_status(tenantry, UserStatus.ACTIVE)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(30, 10, 30), (10, 30, 30), (None, 10, None), (10, None, None), (None, None, None)],
)
async def test_locking_again_keeps_the_later_expiry(
    tenantry: App, john: UserData, first: float | None, second: float | None, expected: float | None
) -> None:
    began = (await lock(tenantry, minutes=first)).locked_at
    action = LockAccountAction(user="john", reason="still odd", duration_minutes=second)
    told = await tenantry.locks.lock_account.wait_for_complete(action)
    assert (told.reason, told.locked_at) == ("still odd", began)
    assert began is not None
    if expected is None:
        assert told.expires_at is None
    else:
        assert told.expires_at is not None
        assert abs(told.expires_at - began - timedelta(minutes=expected)) < timedelta(seconds=20)


async def test_a_lock_after_one_that_expired_begins_anew(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    began = (await lock(tenantry, minutes=30)).locked_at
    clock.advance(minutes=31)
    told = await lock(tenantry, minutes=10)
    assert told.locked_at is not None
    assert began is not None
    assert told.locked_at - began >= timedelta(minutes=31)


async def test_unlocking_can_be_repeated_and_forgets_failures(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str]
) -> None:
    for _ in range(tenantry.settings.max_failed_attempts):
        await login_from("john", "a wrong passphrase")
    assert not (await login_from("john", PASSWORD)).success
    for _ in range(2):
        assert not (await unlock(tenantry)).is_locked
    assert (await login_from("john", PASSWORD)).success


async def test_setting_a_status_of_active_lifts_a_lock_and_other_statuses_keep_it(
    tenantry: App, john: UserData
) -> None:
    await lock(tenantry)
    assert (await set_status(tenantry, UserStatus.INACTIVE)).status is UserStatus.INACTIVE
    assert (await status(tenantry)).is_locked
    assert (await set_status(tenantry, UserStatus.ACTIVE)).status is UserStatus.ACTIVE
    assert not (await status(tenantry)).is_locked


async def test_deleting_and_restoring_keeps_a_lock(tenantry: App, john: UserData) -> None:
    await lock(tenantry)
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    with pytest.raises(StateConflict):
        await lock(tenantry)
    restored = await tenantry.users.restore_user.wait_for_complete(RestoreUserAction(user="john"))
    assert restored.data.status is UserStatus.LOCKED


async def test_locked_is_no_status_to_be_set(tenantry: App, john: UserData) -> None:
    with pytest.raises(InvalidInput) as refused:
        await set_status(tenantry, UserStatus.LOCKED)
    assert refused.value.field == "status"


async def test_nobody_locks_themselves_or_the_last_administrator(
    tenantry: App, admin: UserData, superadmin: Actor
) -> None:
    with acting_as(admin), pytest.raises(PermissionError):
        await lock(tenantry, "adele")
    with acting_as(superadmin), pytest.raises(LastAdministrator):
        await lock(tenantry, "adele")
    with pytest.raises(LastAdministrator):
        await lock(tenantry, "root")
    await make_user(tenantry, "agnes", role=UserRole.ADMIN)
    assert (await lock(tenantry, "adele")).is_locked
    with pytest.raises(LastAdministrator):
        await lock(tenantry, "agnes")
    with pytest.raises(LastAdministrator):
        await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="agnes"))


async def test_of_two_administrators_locked_at_once_one_stays(
    tenantry: App, admin: UserData
) -> None:
    await make_user(tenantry, "agnes", role=UserRole.ADMIN)
    both = (lock(tenantry, "adele"), lock(tenantry, "agnes"))
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(result).__name__ for result in ended) == ["LastAdministrator", "LockStatus"]


async def test_who_may_lock_whom(
    tenantry: App, john: UserData, admin: UserData, other_tenant: str
) -> None:
    await make_user(tenantry, "stranger", domain_name=other_tenant)
    with acting_as(john), pytest.raises(PermissionError):
        await lock(tenantry, "adele")
    with acting_as(admin):
        for work in (lock, unlock, status):
            with pytest.raises(UserNotFound):
                await work(tenantry, "stranger")
        with pytest.raises(PermissionError):
            await lock(tenantry, "root")
    with acting_as(john):
        assert not (await status(tenantry, "john")).is_locked
        with pytest.raises(UserNotFound):
            await status(tenantry, "adele")
    with pytest.raises(UserNotFound):
        await lock(tenantry, "nobody")


async def test_locked_accounts_are_listed_page_by_page_within_the_tenant(
    tenantry: App, admin: UserData, other_tenant: str
) -> None:
    for name in ("ada", "ben", "cem"):
        await make_user(tenantry, name)
        await lock(tenantry, name)
    await make_user(tenantry, "stranger", domain_name=other_tenant)
    await lock(tenantry, "stranger")
    listed: list[str] = []
    cursor: str | None = None
    with acting_as(admin):
        while True:
            action = ListLockedAccountsAction(limit=2, cursor=cursor)
            page = await tenantry.locks.list_locked.wait_for_complete(action)
            listed += [item.username for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert listed == ["cem", "ben", "ada"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1025}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"reason": 5}, "reason"),
        ({"reason": "odd", "duration_minutes": 0}, "duration_minutes"),
        ({"reason": "odd", "duration_minutes": -1}, "duration_minutes"),
        ({"reason": "odd", "duration_minutes": float("nan")}, "duration_minutes"),
        ({"reason": "odd", "duration_minutes": float("inf")}, "duration_minutes"),
        ({"reason": "odd", "duration_minutes": 1e12}, "duration_minutes"),
        ({"reason": "odd", "duration_minutes": True}, "duration_minutes"),
        ({"reason": "odd", "duration_minutes": "5"}, "duration_minutes"),
    ],
)
async def test_bad_input_is_named_by_its_field_and_locks_nobody(
    tenantry: App, john: UserData, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tenantry.locks.lock_account.wait_for_complete(
            LockAccountAction(user="john", **fields)
        )
    assert refused.value.field == field
    assert not (await status(tenantry)).is_locked


async def test_a_lock_and_its_end_are_in_the_audit(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(admin):
        await lock(tenantry)
        await unlock(tenantry)
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(user="john"))
    entries = {entry.action: entry for entry in page.items}
    assert entries["user.lock"].changes["status"] == ["active", "locked"]
    assert entries["user.lock"].changes["lock_reason"] == [None, "odd logins"]
    assert entries["user.lock"].actor == "adele"
    assert entries["user.unlock"].changes["status"] == ["locked", "active"]


async def test_the_name_of_a_purged_locker_is_not_kept(
    tenantry: App, john: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    with acting_as(admin):
        await lock(tenantry)
    assert "adele" not in await owner.fetchval("select u::text from users u where username='john'")
    gone = UUID(int=7)
    await owner.execute("update users set locked_by = $1 where username = 'john'", gone)
    assert (await status(tenantry)).locked_by == f"purged-{gone}"


async def test_a_lock_during_a_login_lets_no_session_live(
    tenantry: App, john: UserData, login_from: LoginFrom
) -> None:
    for _ in range(5):
        logins = [asyncio.create_task(login_from("john", PASSWORD)) for _ in range(4)]
        await lock(tenantry)
        for result in await asyncio.gather(*logins):
            if result.session_token is not None:
                with pytest.raises(NotAuthenticated):
                    await tenantry.auth_service.identify(result.session_token, HERE)
        await unlock(tenantry)


async def test_a_locked_account_cannot_be_told_from_an_unknown_one(
    tenantry: App, john: UserData
) -> None:
    await lock(tenantry)
    results = [
        await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction(name, PASSWORD))
        for name in ("john", "nobody")
    ]
    assert results[0] == results[1]
    assert not results[0].success
