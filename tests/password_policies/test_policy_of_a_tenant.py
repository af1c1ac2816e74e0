"""What a tenant asks of passwords (GetPasswordPolicyAction, SetPasswordPolicyAction)."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import InvalidInput, PermissionError, TenantNotFound, VersionConflict
from tenantry.kernel.action import Actor, acting_as
from tenantry.password_policies.actions import (
    GetPasswordPolicyAction,
    PasswordPolicyData,
    SetPasswordPolicyAction,
)
from tenantry.passwords.policy import RANGES, PasswordPolicy
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.password_policies.conftest import SetPolicy

pytestmark = pytest.mark.anyio

GUIDE = {
    "min_length": 12,
    "require_uppercase": True,
    "require_lowercase": True,
    "require_numbers": True,
    "require_special_chars": True,
    "max_age_days": 90,
    "prevent_reuse_count": 5,
}


async def policy(app: App, tenant: str | None = None) -> PasswordPolicyData:
    action = GetPasswordPolicyAction(tenant)
    return (await app.password_policies.get.wait_for_complete(action)).data


async def test_until_something_is_set_the_defaults_hold(tenantry: App) -> None:
    found = await policy(tenantry)
    assert (found.tenant, found.version, found.modified_at) == ("default", 0, None)
    plain = PasswordPolicy()
    assert all(getattr(found, n) == getattr(plain, n) for n in plain.__struct_fields__)
    assert [warning.field for warning in found.warnings] == ["min_length"]


async def test_the_guides_call_sets_what_it_says_and_is_told_what_the_standards_say(
    tenantry: App, set_policy: SetPolicy
) -> None:
    changed = await set_policy(**GUIDE)
    assert {name: getattr(changed, name) for name in GUIDE} == GUIDE
    assert {w.field for w in changed.warnings} == {
        "min_length",
        "require_uppercase",
        "require_lowercase",
        "require_numbers",
        "require_special_chars",
        "max_age_days",
    }
    assert await policy(tenantry) == changed


async def test_what_is_not_named_stays_and_null_goes_back_to_the_default(
    set_policy: SetPolicy,
) -> None:
    await set_policy(**GUIDE)
    changed = await set_policy(min_length=20, max_age_days=None, prevent_reuse_count=None)
    assert (changed.min_length, changed.require_numbers) == (20, True)
    assert (changed.max_age_days, changed.prevent_reuse_count) == (None, 0)
    assert changed.version == 2


async def test_every_value_outside_its_range_is_named_and_nothing_is_stored(
    tenantry: App, set_policy: SetPolicy
) -> None:
    bad: dict[str, object] = {name: least - 1 for name, (least, _) in RANGES.items()}
    with pytest.raises(InvalidInput) as refused:
        await set_policy(**bad, block_common="yes")
    assert {v.field for v in refused.value.violations} == {*RANGES, "block_common"}
    assert (await policy(tenantry)).version == 0


async def test_the_platforms_floor_cannot_be_gone_under(set_policy: SetPolicy) -> None:
    for name, value in (("min_length", 7), ("max_failed_attempts", 101)):
        with pytest.raises(InvalidInput, match=name):
            await set_policy(**{name: value})


async def test_two_values_that_contradict_each_other_are_refused(set_policy: SetPolicy) -> None:
    with pytest.raises(InvalidInput, match="max_length"):
        await set_policy(max_length=10)
    await set_policy(min_length=8, max_length=10)
    with pytest.raises(InvalidInput, match="max_length"):
        await set_policy(min_length=None)


async def test_a_change_of_nothing_is_refused(tenantry: App) -> None:
    with pytest.raises(InvalidInput, match="no field"):
        await tenantry.password_policies.set.wait_for_complete(SetPasswordPolicyAction())


async def test_whoever_names_a_version_is_told_of_a_change_in_between(
    set_policy: SetPolicy,
) -> None:
    first = await set_policy(min_length=14, version=0)
    await set_policy(min_length=15, version=first.version)
    with pytest.raises(VersionConflict):
        await set_policy(min_length=16, version=first.version)


async def test_of_many_changes_at_once_none_is_lost(tenantry: App, set_policy: SetPolicy) -> None:
    await asyncio.gather(
        set_policy(min_length=14),
        set_policy(max_length=200),
        set_policy(block_common=False),
        set_policy(prevent_reuse_count=3),
        set_policy(max_age_days=30),
    )
    found = await policy(tenantry)
    assert (found.min_length, found.max_length, found.block_common) == (14, 200, False)
    assert (found.prevent_reuse_count, found.max_age_days, found.version) == (3, 30, 5)


async def test_an_admin_sets_the_own_tenants_policy_and_sees_no_other(
    tenantry: App, admin: UserData, set_policy: SetPolicy, other_tenant: str
) -> None:
    with acting_as(admin):
        assert (await set_policy(min_length=16)).tenant == "default"
        assert (await set_policy(tenant="DEFAULT", min_length=17)).min_length == 17
        for hidden in (other_tenant, "nowhere", "x\0", "\ud800"):
            with pytest.raises((TenantNotFound, InvalidInput)):
                await set_policy(tenant=hidden, min_length=9)
            with pytest.raises((TenantNotFound, InvalidInput)):
                await policy(tenantry, hidden)


async def test_a_superadmin_sets_any_tenants_policy(
    tenantry: App, superadmin: Actor, set_policy: SetPolicy, other_tenant: str
) -> None:
    with acting_as(superadmin):
        assert (await set_policy(tenant="other", min_length=20)).tenant == "Other"
        assert (await policy(tenantry, "default")).min_length == 12


async def test_a_user_reads_the_own_tenants_policy_and_changes_nothing(
    tenantry: App, john: UserData, set_policy: SetPolicy, other_tenant: str
) -> None:
    monitor = await make_user(tenantry, "watch", role=UserRole.MONITOR)
    for who in (john, monitor):
        with acting_as(who):
            assert (await policy(tenantry)).min_length == 12
            with pytest.raises(TenantNotFound):
                await policy(tenantry, other_tenant)
            with pytest.raises(PermissionError):
                await set_policy(min_length=8)


async def test_the_audit_says_what_was_changed(
    tenantry: App, admin: UserData, set_policy: SetPolicy
) -> None:
    with acting_as(admin):
        await set_policy(min_length=16, max_age_days=90)
        await set_policy(min_length=16)
    action = SearchAuditAction(action="password_policy.set")
    second, first = (await tenantry.audit.search.wait_for_complete(action)).items
    assert (first.actor, first.target) == ("adele", "default")
    assert first.changes == {"min_length": [12, 16], "max_age_days": [None, 90]}
    assert second.changes == {}
