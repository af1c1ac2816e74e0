"""Issuing, listing, changing, deactivating and revoking access keys."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tenantry.access_keys.actions import (
    ActivateAccessKeyAction,
    DeactivateAccessKeyAction,
    GetAccessKeyAction,
    IssueAccessKeyAction,
    ListAccessKeysAction,
    ModifyAccessKeyAction,
    RevokeAccessKeyAction,
    ShowSecretAction,
    SwitchMainAccessKeyAction,
)
from tenantry.access_keys.model import MAX_KEYS, AccessKeyModifier, KeyScope
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.app import App
from tenantry.errors import (
    AccessKeyNotFound,
    InvalidInput,
    PermissionError,
    StateConflict,
    UserNotFound,
    VersionConflict,
)
from tenantry.kernel.action import Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail

from .conftest import Identify, Issue, Keys

pytestmark = pytest.mark.anyio


async def test_a_user_issues_a_key_whose_secret_stands_in_the_answer_only(
    access_keys: AccessKeyProcessors, amy: UserData, owner: asyncpg.Connection, trail: Trail
) -> None:
    with acting_as(amy):
        action = IssueAccessKeyAction(name="laptop", scope=KeyScope.READ_ONLY)
        issued = await access_keys.issue.wait_for_complete(action)
    assert (issued.key.name, issued.key.scope, issued.key.is_main) == ("laptop", "read_only", False)
    stored: bytes = await owner.fetchval(
        "select secret from access_keys where access_key = $1", issued.key.access_key
    )
    assert issued.secret.encode() not in stored
    assert issued.secret not in repr(issued)
    assert issued.token not in repr(issued)
    [entry] = await trail("access_key.issue")
    assert (entry.target, entry.target_id) == (issued.key.access_key, amy.id)
    assert issued.secret not in repr(entry)


async def test_an_admin_issues_a_key_for_a_user_of_the_tenant_and_sets_its_policy(
    access_keys: AccessKeyProcessors, admin: UserData, amy: UserData
) -> None:
    with acting_as(admin):
        action = IssueAccessKeyAction(user="amy", resource_policy="roomy", rate_limit=5)
        issued = await access_keys.issue.wait_for_complete(action)
    assert issued.key.user_id == amy.id
    assert (issued.key.resource_policy, issued.key.rate_limit) == ("roomy", 5)


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"resource_policy": "roomy"}, "resource_policy"), ({"rate_limit": 99_999}, "rate_limit")],
)
async def test_plain_users_set_neither_policy_nor_rate_limit(
    access_keys: AccessKeyProcessors, amy: UserData, asked: dict[str, object], field: str
) -> None:
    action = IssueAccessKeyAction(**asked)  # type: ignore[arg-type]  # each field has a type of its own
    with acting_as(amy), pytest.raises(PermissionError) as denied:
        await access_keys.issue.wait_for_complete(action)
    assert denied.value.field == field


async def test_only_an_administrator_has_a_key_that_is_one(
    tenantry: App, access_keys: AccessKeyProcessors, amy: UserData
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN)
    own, others = IssueAccessKeyAction(admin=True), IssueAccessKeyAction(user="amy", admin=True)
    with acting_as(amy), pytest.raises(PermissionError):
        await access_keys.issue.wait_for_complete(own)
    with acting_as(boss), pytest.raises(PermissionError):
        await access_keys.issue.wait_for_complete(others)
    with acting_as(boss):
        assert (await access_keys.issue.wait_for_complete(own)).key.is_admin is True


async def test_an_unknown_policy_and_a_past_expiry_are_named(
    tenantry: App, issue: Issue, amy: UserData
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await issue(amy, resource_policy="none such")
    assert refused.value.field == "resource_policy"
    with pytest.raises(InvalidInput) as refused:
        await issue(amy, expires_at=tenantry.clock.now())
    assert refused.value.field == "expires_at"
    with pytest.raises(InvalidInput) as refused:
        await issue(amy, name="x" * 257)
    assert refused.value.field == "name"


async def test_a_user_has_so_many_keys_and_no_more_also_when_asked_for_at_once(
    issue: Issue, amy: UserData, keys_of: Keys
) -> None:
    for _ in range(MAX_KEYS - 5):
        await issue(amy)
    ended = await asyncio.gather(*(issue(amy) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, StateConflict) for result in ended) == 16
    assert len(await keys_of(amy)) == MAX_KEYS


async def test_deleted_users_get_no_key(tenantry: App, issue: Issue, amy: UserData) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="amy"))
    with pytest.raises(StateConflict):
        await issue(amy)


async def test_bug_28_revoking_another_key_leaves_the_main_one_alone(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, keys_of: Keys
) -> None:
    [main] = await keys_of(amy)
    name = (await issue(amy)).key.access_key
    with acting_as(amy):
        await access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(name))
    assert await keys_of(amy) == [main]
    with pytest.raises(AccessKeyNotFound):
        await access_keys.get.wait_for_complete(GetAccessKeyAction(name))


async def test_the_main_key_is_not_revoked_but_can_be_stopped_at_once(
    access_keys: AccessKeyProcessors, amy: UserData, keys_of: Keys
) -> None:
    name = (await keys_of(amy))[0].access_key
    with acting_as(amy), pytest.raises(StateConflict):
        await access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(name))
    with acting_as(amy):
        stopped = await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name))
    assert (stopped.data.is_active, stopped.data.is_main) == (False, True)


async def test_activating_twice_changes_something_once(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue
) -> None:
    name = (await issue(amy)).key.access_key
    await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name))
    versions = [
        (await access_keys.activate.wait_for_complete(ActivateAccessKeyAction(name))).data.version
        for _ in range(2)
    ]
    assert versions == [3, 3]


async def test_scenario_41_keys_of_others_do_not_exist_for_a_plain_user(
    access_keys: AccessKeyProcessors, amy: UserData, john: UserData, issue: Issue, keys_of: Keys
) -> None:
    name = (await issue(john)).key.access_key
    before = await keys_of(john)
    with acting_as(amy):
        for run in (
            access_keys.get.wait_for_complete(GetAccessKeyAction(name)),
            access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name)),
            access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(name)),
            access_keys.switch_main.wait_for_complete(SwitchMainAccessKeyAction(name)),
            access_keys.show_secret.wait_for_complete(ShowSecretAction(name)),
        ):
            with pytest.raises(AccessKeyNotFound):
                await run
        with pytest.raises(UserNotFound):
            await access_keys.issue.wait_for_complete(IssueAccessKeyAction(user="john"))
    assert await keys_of(john) == before


async def test_monitors_see_keys_and_change_none(
    tenantry: App, access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, trail: Trail
) -> None:
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    name = (await issue(amy)).key.access_key
    with acting_as(monitor):
        assert (await access_keys.get.wait_for_complete(GetAccessKeyAction(name))).success
        with pytest.raises(PermissionError):
            await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name))
        with pytest.raises(PermissionError):
            await access_keys.issue.wait_for_complete(IssueAccessKeyAction())
    assert [entry.outcome for entry in await trail("access_key.deactivate")] == [Outcome.DENIED]


async def test_an_admin_touches_no_key_of_a_superadmin(
    tenantry: App, access_keys: AccessKeyProcessors, admin: UserData, issue: Issue
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    name = (await issue(boss)).key.access_key
    with acting_as(admin), pytest.raises(PermissionError):
        await access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(name))
    with acting_as(admin), pytest.raises(PermissionError):
        await access_keys.issue.wait_for_complete(IssueAccessKeyAction(user="boss"))


async def test_bug_30_an_admin_lists_each_key_of_the_tenant_once_in_pages(
    tenantry: App, access_keys: AccessKeyProcessors, admin: UserData, amy: UserData, issue: Issue
) -> None:
    for _ in range(3):
        await issue(amy)
    seen: list[str] = []
    cursor: str | None = None
    with acting_as(admin):
        while True:
            action = ListAccessKeysAction(limit=2, cursor=cursor)
            page = await access_keys.list_keys.wait_for_complete(action)
            seen += [key.access_key for key in page.items if key.username == "amy"]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert len(seen) == len(set(seen)) == 4


async def test_a_change_is_guarded_by_the_version_and_noted(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, trail: Trail
) -> None:
    name = (await issue(amy)).key.access_key
    modifier = AccessKeyModifier(name=TriState.update("ci"), rate_limit=OptionalState.update(0))
    action = ModifyAccessKeyAction(name, modifier, version=1)
    changed = (await access_keys.modify.wait_for_complete(action)).data
    assert (changed.name, changed.rate_limit, changed.version) == ("ci", 0, 2)
    with pytest.raises(VersionConflict):
        await access_keys.modify.wait_for_complete(action)
    entry = (await trail("access_key.modify"))[-1]
    assert entry.changes == {"name": [None, "ci"], "rate_limit": [10_000, 0]}


async def test_a_modifier_is_checked_like_the_issue_of_a_key(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue
) -> None:
    name = (await issue(amy)).key.access_key
    wrong = [
        ("modifier", AccessKeyModifier()),
        ("rate_limit", AccessKeyModifier(rate_limit=OptionalState.update(-1))),
        ("name", AccessKeyModifier(name=TriState.update("a\0b"))),
        ("resource_policy", AccessKeyModifier(resource_policy=OptionalState.update("none such"))),
    ]
    for field, modifier in wrong:
        with pytest.raises(InvalidInput) as refused:
            await access_keys.modify.wait_for_complete(ModifyAccessKeyAction(name, modifier))
        assert refused.value.field == field
    more = ModifyAccessKeyAction(name, AccessKeyModifier(rate_limit=OptionalState.update(10**6)))
    with acting_as(amy), pytest.raises(PermissionError):
        await access_keys.modify.wait_for_complete(more)


async def test_the_secret_of_a_main_key_goes_to_one_of_twenty_who_ask_at_once(
    access_keys: AccessKeyProcessors, amy: UserData, keys_of: Keys, trail: Trail
) -> None:
    name = (await keys_of(amy))[0].access_key
    with acting_as(amy):
        asking = (
            access_keys.show_secret.wait_for_complete(ShowSecretAction(name)) for _ in range(20)
        )
        ended = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(result, StateConflict) for result in ended) == 19
    outcomes = [entry.outcome for entry in await trail("access_key.show_secret")]
    assert outcomes.count(Outcome.SUCCEEDED) == 1


async def test_nobody_but_its_user_sees_the_secret_of_a_main_key(
    tenantry: App,
    access_keys: AccessKeyProcessors,
    admin: UserData,
    amy: UserData,
    issue: Issue,
    keys_of: Keys,
    identify: Identify,
) -> None:
    name = (await keys_of(amy))[0].access_key
    with acting_as(admin), pytest.raises(PermissionError):
        await access_keys.show_secret.wait_for_complete(ShowSecretAction(name))
    by_key = await identify((await issue(amy)).token)
    with acting_as(by_key), pytest.raises(PermissionError):
        await access_keys.show_secret.wait_for_complete(ShowSecretAction(name))
    with acting_as(amy):
        assert (await access_keys.show_secret.wait_for_complete(ShowSecretAction(name))).success


async def test_a_key_issues_none_that_lives_longer_or_may_more(
    tenantry: App,
    access_keys: AccessKeyProcessors,
    issue: Issue,
    identify: Identify,
    clock: ShiftedClock,
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN)
    end = clock.now() + timedelta(days=1)
    by_key = await identify((await issue(boss, expires_at=end)).token)
    with acting_as(by_key):
        for later in (None, end + timedelta(seconds=1)):
            with pytest.raises(PermissionError) as denied:
                await access_keys.issue.wait_for_complete(IssueAccessKeyAction(expires_at=later))
            assert denied.value.field == "expires_at"
        with pytest.raises(PermissionError) as denied:
            await access_keys.issue.wait_for_complete(
                IssueAccessKeyAction(expires_at=end, admin=True)
            )
        assert denied.value.field == "admin"
        modifier = AccessKeyModifier(expires_at=TriState.nullify())
        with pytest.raises(PermissionError):
            await access_keys.modify.wait_for_complete(
                ModifyAccessKeyAction(by_key.access_key, modifier)
            )
        assert (await access_keys.issue.wait_for_complete(IssueAccessKeyAction(expires_at=end))).key
