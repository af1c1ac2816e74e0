"""Comparing a password with the policy (CheckPasswordAction)."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import InvalidInput, PermissionError, UserNotFound
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.password_policies.actions import CheckPasswordAction
from tenantry.password_policies.service import CHECKS_PER_HOUR
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole
from tests.password_policies.conftest import SetPolicy

pytestmark = pytest.mark.anyio


async def codes(app: App, password: Any, user: str | None = None) -> list[str]:
    checked = await app.password_policies.check.wait_for_complete(
        CheckPasswordAction(password, user)
    )
    assert checked.fits == (not checked.violations)
    assert all(str(password) not in v.message for v in checked.violations if password)
    return [violation.code for violation in checked.violations]


async def test_the_guides_call_is_answered_under_the_guides_policy(
    tenantry: App, set_policy: SetPolicy
) -> None:
    await make_user(tenantry, "john_doe")
    await set_policy(
        min_length=12,
        require_uppercase=True,
        require_lowercase=True,
        require_numbers=True,
        require_special_chars=True,
        max_age_days=90,
        prevent_reuse_count=5,
    )
    assert await codes(tenantry, "MySecure123!", "john_doe") == []
    assert await codes(tenantry, "mysecure123", "john_doe") == [
        "too_short",
        "no_uppercase",
        "no_special_char",
    ]
    assert await codes(tenantry, "John_Doe1234!", "john_doe") == ["context_word"]


async def test_without_a_user_nobodys_names_count(tenantry: App, john: UserData) -> None:
    assert await codes(tenantry, "john~1234567890") == []
    assert await codes(tenantry, "john~1234567890", "john") == ["context_word"]
    assert await codes(tenantry, "john~1234567890", str(john.id)) == ["context_word"]


async def test_the_policy_is_that_of_the_user_named(
    tenantry: App, set_policy: SetPolicy, other_tenant: str, john: UserData
) -> None:
    await make_user(tenantry, "olga", domain_name=other_tenant)
    await set_policy(tenant="other", min_length=40)
    assert await codes(tenantry, "four words in a row", "olga") == ["too_short"]
    assert await codes(tenantry, "four words in a row", "john") == []
    assert await codes(tenantry, "other~123456789", "olga") == ["too_short", "context_word"]


async def test_who_may_set_the_password_is_told_of_earlier_ones(
    tenantry: App, john: UserData, admin: UserData, set_policy: SetPolicy
) -> None:
    await set_policy(prevent_reuse_count=2)
    modifier = UserModifier(password=OptionalState.update("the second passphrase"))
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="john", modifier=modifier)
    )
    with acting_as(admin):
        for used in (PASSWORD, "the second passphrase"):
            assert await codes(tenantry, used, "john") == ["reused"]
        assert await codes(tenantry, "the third passphrase", "john") == []
    with acting_as(john):
        assert await codes(tenantry, PASSWORD, "john") == []
        assert await codes(tenantry, "john~1234567890", "john") == ["context_word"]
    monitor = await make_user(tenantry, "watch", role=UserRole.MONITOR)
    with acting_as(monitor):
        assert await codes(tenantry, PASSWORD, "john") == []


async def test_comparing_with_somebodys_passwords_is_counted_and_in_the_audit(
    tenantry: App, john: UserData, admin: UserData, clock: ShiftedClock
) -> None:
    with acting_as(admin):
        for n in range(CHECKS_PER_HOUR):
            await codes(tenantry, f"a guess, the {n}th", "john")
        with pytest.raises(PermissionError) as refused:
            await codes(tenantry, "one guess more", "john")
        assert refused.value.data == {"reason": "throttled"}
        clock.advance(minutes=61)
        await codes(tenantry, "one guess more", "john")
    action = SearchAuditAction(action="password.check", limit=1000)
    entries = (await tenantry.audit.search.wait_for_complete(action)).items
    assert {(e.actor, e.target) for e in entries} == {("adele", "john")}
    assert [str(e.outcome) for e in entries].count("denied") == 1
    assert "guess" not in str(entries)


async def test_a_user_who_cannot_be_seen_does_not_exist(
    tenantry: App, john: UserData, other_tenant: str
) -> None:
    await make_user(tenantry, "olga", domain_name=other_tenant)
    with acting_as(john):
        for hidden in ("olga", "nobody"):
            with pytest.raises(UserNotFound):
                await codes(tenantry, "four words in a row", hidden)


@pytest.mark.parametrize("password", ["", "\ud800" * 20, "a\0" * 10, "x" * 1_000_000, "é" * 300])
async def test_any_text_gets_a_verdict(tenantry: App, password: str) -> None:
    assert set(await codes(tenantry, password)) <= {"too_short", "too_long"}


async def test_what_is_no_text_is_refused(tenantry: App) -> None:
    with pytest.raises(InvalidInput, match="password"):
        await codes(tenantry, 12345)
