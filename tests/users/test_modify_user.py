"""Changing a user."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    PasswordRejected,
    PermissionError,
    StateConflict,
    UserConflict,
    UserModificationBadRequest,
    UserNotFound,
    VersionConflict,
)
from tenantry.kernel.action import Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.transaction import Transaction
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey, UserModifier, UserRole, UserStatus
from tenantry.users.repository import UserRepository
from tests.conftest import Trail
from tests.users.modifying import CHANGES, get, modifier, modify

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("field", CHANGES)
async def test_scenario_14_a_field_changes_and_everything_else_stays(
    tenantry: App, john: UserData, field: str
) -> None:
    changed = await modify(tenantry, "john", **{field: CHANGES[field]})
    assert getattr(changed, field) == CHANGES[field]
    differing = {n for n in UserData.__struct_fields__ if getattr(changed, n) != getattr(john, n)}
    expected = {field, "version", "modified_at"} | ({"status_info"} if field == "status" else set())
    assert differing == expected
    assert changed.version == john.version + 1
    assert await get(tenantry, str(john.id)) == changed


@pytest.mark.parametrize(
    ("field", "value"),
    [("sudo_session_enabled", False), ("need_password_change", False), ("attributes", {})],
)
async def test_scenario_22_23_a_falsy_value_is_a_value(
    tenantry: App, field: str, value: Any
) -> None:
    given: dict[str, Any] = {field: {"a": 1} if value == {} else True}
    await make_user(tenantry, "ada", **given)
    assert getattr(await modify(tenantry, "ada", **{field: value}), field) == value


@pytest.mark.parametrize(
    "field", [n for n, s in vars(UserModifier).items() if n in UserModifier.__struct_fields__]
)
async def test_scenario_22_null_clears_a_field(tenantry: App, field: str) -> None:
    if not isinstance(getattr(UserModifier(), field), TriState) or field == "main_access_key":
        return
    filled = {**CHANGES, "role": UserRole.USER, "status": UserStatus.ACTIVE}
    await make_user(tenantry, **{**filled, "username": "ada"})
    null: dict[str, Any] = {field: None}
    assert getattr(await modify(tenantry, "ada", **null), field) is None


async def test_without_a_word_on_it_the_status_stays(tenantry: App) -> None:
    for status in (UserStatus.ACTIVE, UserStatus.INACTIVE, UserStatus.SUSPENDED):
        user = await make_user(tenantry, status=status)
        changed = await modify(tenantry, user.username, full_name="X")
        assert (changed.status, changed.status_info) == (status, None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"is_active": False}, UserStatus.INACTIVE),
        ({"is_active": True}, UserStatus.ACTIVE),
        ({"is_active": True, "status": UserStatus.SUSPENDED}, UserStatus.SUSPENDED),
        ({"is_active": False, "status": UserStatus.ACTIVE}, UserStatus.ACTIVE),
    ],
)
async def test_scenario_22_the_status_wins_over_is_active(
    tenantry: App, said: dict[str, Any], expected: UserStatus
) -> None:
    await make_user(tenantry, "ada", status=UserStatus.INACTIVE)
    assert (await modify(tenantry, "ada", **said)).status is expected


async def test_a_changed_status_says_who_wanted_it(tenantry: App, john: UserData) -> None:
    changed = await modify(tenantry, "john", status=UserStatus.INACTIVE)
    assert changed.status_info == "admin-requested"


async def test_what_is_the_same_already_changes_nothing(tenantry: App, john: UserData) -> None:
    unchanged = await modify(tenantry, "john", full_name=john.full_name, role=john.role)
    assert unchanged == john


async def test_scenario_23_a_new_password_is_for_the_next_login(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    before = await owner.fetchval("select password_hash from users where username = 'john'")
    changed = await modify(tenantry, "john", password="another passphrase")
    after = await owner.fetchval("select password_hash from users where username = 'john'")
    assert after != before
    assert changed.password_changed_at is not None
    assert john.password_changed_at is not None
    assert changed.password_changed_at > john.password_changed_at


async def test_a_weak_password_is_refused_and_the_old_one_stays(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    before = await owner.fetchval("select password_hash from users where username = 'john'")
    for password in ("short", "john12345678", "x" * 129):
        with pytest.raises(PasswordRejected) as refused:
            await modify(tenantry, "john", password=password)
        assert refused.value.field == "password"
    assert before == await owner.fetchval("select password_hash from users where username = 'john'")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"username": "ＪＡＮＥ"}, "username"),
        ({"email": "Jane@Example.com"}, "email"),
    ],
)
async def test_a_taken_name_or_address_is_a_conflict_on_its_field(
    tenantry: App, john: UserData, said: dict[str, Any], field: str
) -> None:
    await make_user(tenantry, "jane")
    with pytest.raises(UserConflict) as refused:
        await modify(tenantry, "john", **said)
    assert refused.value.field == field
    assert await get(tenantry, "john") == john


async def test_of_two_who_take_one_name_at_once_one_gets_the_conflict(
    tenantry: App, john: UserData
) -> None:
    await make_user(tenantry, "jane")
    results = await asyncio.gather(
        modify(tenantry, "john", username="Jack"),
        modify(tenantry, "jane", username="JACK"),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["UserConflict", "UserData"]


@pytest.mark.parametrize(
    ("said", "field"),
    [({"domain_name": "nowhere"}, "domain_name"), ({"resource_policy": "none"}, "resource_policy")],
)
async def test_an_unknown_tenant_or_policy_is_named(
    tenantry: App, john: UserData, said: dict[str, Any], field: str
) -> None:
    with pytest.raises(UserModificationBadRequest) as refused:
        await modify(tenantry, "john", **said)
    assert refused.value.field == field


async def test_a_second_factor_cannot_be_switched_on(tenantry: App, john: UserData) -> None:
    with pytest.raises(StateConflict) as refused:
        await modify(tenantry, "john", totp_activated=True)
    assert refused.value.field == "totp_activated"
    assert (await modify(tenantry, "john", totp_activated=False)).totp_activated is False


async def test_scenario_19_nobody_is_changed_who_is_not_there(tenantry: App) -> None:
    with pytest.raises(UserNotFound):
        await modify(tenantry, "nobody", full_name="X")


# Versions.


async def test_a_stale_version_is_refused_with_the_present_one(
    tenantry: App, john: UserData
) -> None:
    changed = await modify(tenantry, "john", version=john.version, full_name="First")
    with pytest.raises(VersionConflict) as refused:
        await modify(tenantry, "john", version=john.version, full_name="Second")
    assert refused.value.data == {"version": changed.version}
    assert (await get(tenantry, "john")).full_name == "First"


async def test_no_acknowledged_change_with_a_version_is_lost(tenantry: App, john: UserData) -> None:
    async def append(mark: int) -> int:
        for _ in range(100):
            user = await get(tenantry, "john")
            text = f"{user.description or ''}<{mark}>"
            try:
                await modify(tenantry, "john", version=user.version, description=text)
            except VersionConflict:
                continue
            return mark
        raise AssertionError("no turn in a hundred tries")

    acknowledged = await asyncio.gather(*(append(mark) for mark in range(20)))
    stored = await get(tenantry, "john")
    assert stored.description is not None
    marks = stored.description.strip("<>").split("><")
    assert sorted(map(int, marks)) == sorted(acknowledged)
    assert stored.version == john.version + 20


async def test_of_twenty_with_the_same_version_one_is_stored(tenantry: App, john: UserData) -> None:
    attempts = [
        modify(tenantry, "john", version=john.version, full_name=f"Name {i}") for i in range(20)
    ]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    acknowledged = [result for result in results if isinstance(result, UserData)]
    assert len(acknowledged) == 1
    assert sum(isinstance(result, VersionConflict) for result in results) == 19
    assert await get(tenantry, "john") == acknowledged[0]


async def test_of_twenty_that_compare_the_version_of_an_unlocked_row_many_are_stored(
    tenantry: App, john: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive way beside ours: all have looked before the first one writes."""

    async def look(self: UserRepository, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        found = await self.get(tx, key, scope)
        await asyncio.sleep(0.3)
        return found

    monkeypatch.setattr(UserRepository, "lock", look)
    attempts = [
        modify(tenantry, "john", version=john.version, full_name=f"Name {i}") for i in range(8)
    ]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, UserData) for result in results) > 1


# Audit.


async def test_a_change_leaves_an_entry_with_the_values_before_and_after(
    tenantry: App, john: UserData, admin: UserData, trail: Trail
) -> None:
    with acting_as(admin):
        await modify(tenantry, "john", full_name="Jack", phone=None, container_gids=[1000])
    (entry,) = await trail("user.modify")
    assert entry.outcome is Outcome.SUCCEEDED
    assert (entry.actor_id, entry.target, entry.target_id) == (admin.id, "john", john.id)
    assert entry.changes == {"full_name": ["John Doe", "Jack"], "container_gids": [None, [1000]]}


async def test_a_changed_password_is_masked_in_the_entry(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    await modify(tenantry, "john", password="another passphrase")
    (entry,) = await trail("user.modify")
    assert entry.changes == {"password": ["***", "***"]}
    assert PASSWORD not in repr(entry)


async def test_denied_and_failed_changes_leave_an_entry_each(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    with acting_as(john), pytest.raises(PermissionError):
        await modify(tenantry, "john", role=UserRole.ADMIN)
    with pytest.raises(VersionConflict):
        await modify(tenantry, "john", version=99, full_name="X")
    failed, denied = await trail("user.modify")
    assert (denied.outcome, denied.actor, denied.target) == (Outcome.DENIED, "john", "john")
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, "version_conflict")


def test_equal_modifiers_are_equal() -> None:
    assert modifier(full_name="X", role=UserRole.USER) == modifier(
        full_name="X", role=UserRole.USER
    )
    assert modifier(full_name="X") != modifier(full_name="Y")
    assert UserModifier(role=OptionalState.update(UserRole.USER)) != UserModifier()
