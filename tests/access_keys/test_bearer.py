"""Proving an actor by the bearer form of a key."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tenantry.access_keys.actions import DeactivateAccessKeyAction, RevokeAccessKeyAction
from tenantry.access_keys.model import KeyScope, bearer, new_access_key, new_secret, parse_bearer
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.app import App
from tenantry.errors import NotAuthenticated, PermissionError
from tenantry.kernel.action import Origin, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, GetUserAction, ListUsersAction
from tenantry.users.actions import ModifyUserAction as Modify
from tenantry.users.model import UserData, UserModifier, UserRole, UserStatus

from .conftest import Identify, Issue, Keys

pytestmark = pytest.mark.anyio


def test_the_bearer_form_holds_the_key_the_secret_and_a_checksum() -> None:
    access_key, secret = new_access_key(), new_secret()
    token = bearer(access_key, secret)
    assert token.startswith("tny_k_AKIA")
    assert parse_bearer(token) == (access_key, secret)
    for wrong in ("", token[:-1], token + "A", token.lower(), f" {token}", f"{token}\n"):
        assert parse_bearer(wrong) is None
    for place in range(len(token)):
        other = "B" if token[place] != "B" else "C"
        assert parse_bearer(token[:place] + other + token[place + 1 :]) is None


def test_names_and_secrets_are_long_enough_and_all_different() -> None:
    assert len({new_access_key() for _ in range(10_000)}) == 10_000
    secrets = {new_secret() for _ in range(10_000)}
    assert len(secrets) == 10_000
    assert {len(secret) for secret in secrets} == {40}


async def test_bug_26_any_key_of_a_user_proves_the_user(
    amy: UserData, issue: Issue, identify: Identify
) -> None:
    issued = await issue(amy)
    actor = await identify(issued.token)
    assert (actor.id, actor.name, actor.tenant_id, actor.role) == (
        amy.id,
        "amy",
        amy.tenant_id,
        "user",
    )
    assert (actor.only, actor.session_id, actor.access_key) == (None, None, issued.key.access_key)


async def test_bug_46_knowing_the_name_of_a_key_proves_nothing(
    amy: UserData, issue: Issue, identify: Identify
) -> None:
    name = (await issue(amy)).key.access_key
    for token in (bearer(name, new_secret()), bearer(new_access_key(), new_secret()), name, ""):
        with pytest.raises(NotAuthenticated):
            await identify(token)


async def test_a_secret_is_good_for_its_own_key_only(
    amy: UserData, issue: Issue, identify: Identify
) -> None:
    one, other = await issue(amy), await issue(amy)
    with pytest.raises(NotAuthenticated):
        await identify(bearer(one.key.access_key, other.secret))


async def test_an_expired_key_proves_nothing_from_that_moment_on(
    amy: UserData, issue: Issue, identify: Identify, clock: ShiftedClock
) -> None:
    token = (await issue(amy, expires_at=clock.now() + timedelta(hours=1))).token
    clock.advance(minutes=59)
    assert (await identify(token)).id == amy.id
    clock.advance(minutes=1)
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_a_deactivated_or_revoked_key_proves_nothing_at_once(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, identify: Identify
) -> None:
    stopped, gone = await issue(amy), await issue(amy)
    action = DeactivateAccessKeyAction(stopped.key.access_key)
    await access_keys.deactivate.wait_for_complete(action)
    await access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(gone.key.access_key))
    for issued in (stopped, gone):
        with pytest.raises(NotAuthenticated):
            await identify(issued.token)


@pytest.mark.parametrize("status", [UserStatus.INACTIVE, UserStatus.SUSPENDED, UserStatus.DELETED])
async def test_bug_27_the_users_state_stops_every_key_at_once(
    tenantry: App, amy: UserData, issue: Issue, identify: Identify, status: UserStatus
) -> None:
    tokens = [(await issue(amy)).token for _ in range(3)]
    for wanted, good in ((status, False), (UserStatus.ACTIVE, True)):
        modifier = UserModifier(status=OptionalState.update(wanted))
        await tenantry.users.modify_user.wait_for_complete(Modify(user="amy", modifier=modifier))
        for token in tokens:
            if good:
                assert (await identify(token)).id == amy.id
            else:
                with pytest.raises(NotAuthenticated):
                    await identify(token)


async def test_a_suspended_tenant_stops_the_keys_of_its_users(
    amy: UserData, issue: Issue, identify: Identify, owner: asyncpg.Connection
) -> None:
    token = (await issue(amy)).token
    await owner.execute("update tenants set status = 'suspended'")
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_the_address_rules_hold_for_keys_too(
    tenantry: App, amy: UserData, issue: Issue, identify: Identify
) -> None:
    token = (await issue(amy)).token
    modifier = UserModifier(allowed_client_ip=TriState.update(["10.1.*.*"]))
    await tenantry.users.modify_user.wait_for_complete(Modify(user="amy", modifier=modifier))
    for address in ("10.1.2.3", "::ffff:10.1.2.3"):
        assert (await identify(token, Origin(address=address))).id == amy.id
    for refused in ("10.2.0.1", "2001:db8::1", None):
        with pytest.raises(NotAuthenticated):
            await identify(token, Origin(address=refused))


async def test_a_user_who_must_change_the_password_can_do_nothing_else_with_a_key(
    tenantry: App, amy: UserData, issue: Issue, identify: Identify
) -> None:
    token = (await issue(amy)).token
    modifier = UserModifier(need_password_change=OptionalState.update(True))
    await tenantry.users.modify_user.wait_for_complete(Modify(user="amy", modifier=modifier))
    with acting_as(await identify(token)), pytest.raises(PermissionError):
        await tenantry.users.get_user.wait_for_complete(GetUserAction(user="amy"))


async def test_a_reading_key_reads_and_changes_nothing(
    tenantry: App, access_keys: AccessKeyProcessors, issue: Issue, identify: Identify
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN)
    issued = await issue(boss, admin=True, scope=KeyScope.READ_ONLY)
    with acting_as(await identify(issued.token)):
        assert (await tenantry.users.list_users.wait_for_complete(ListUsersAction())).items
        with pytest.raises(PermissionError):
            await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="boss"))
        action = DeactivateAccessKeyAction(issued.key.access_key)
        with pytest.raises(PermissionError):
            await access_keys.deactivate.wait_for_complete(action)


async def test_a_plain_key_of_an_admin_may_what_a_plain_user_may(
    tenantry: App, issue: Issue, identify: Identify
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN)
    plain, full = await issue(boss), await issue(boss, admin=True)
    with acting_as(await identify(plain.token)), pytest.raises(PermissionError):
        await tenantry.users.list_users.wait_for_complete(ListUsersAction())
    with acting_as(await identify(full.token)):
        assert (await tenantry.users.list_users.wait_for_complete(ListUsersAction())).items


async def test_a_demoted_admins_key_may_no_more_than_the_user(
    tenantry: App, admin: UserData, issue: Issue, identify: Identify
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN)
    token = (await issue(boss, admin=True)).token
    modifier = UserModifier(role=OptionalState.update(UserRole.USER))
    await tenantry.users.modify_user.wait_for_complete(Modify(user="boss", modifier=modifier))
    assert (await identify(token)).role == "user"


async def test_the_last_use_is_noted_to_the_minute_and_not_more_often(
    amy: UserData,
    issue: Issue,
    keys_of: Keys,
    identify: Identify,
    clock: ShiftedClock,
    owner: asyncpg.Connection,
) -> None:
    issued = await issue(amy)
    row_version = "select xmin::text from access_keys where access_key = $1"
    unused = await owner.fetchval(row_version, issued.key.access_key)
    await asyncio.gather(*(identify(issued.token) for _ in range(20)))
    noted = await owner.fetchval(row_version, issued.key.access_key)
    first = (await keys_of(amy))[-1].last_used_at
    assert noted != unused
    assert first is not None
    clock.advance(seconds=50)
    await identify(issued.token)
    assert await owner.fetchval(row_version, issued.key.access_key) == noted
    clock.advance(seconds=10)
    await identify(issued.token)
    last = (await keys_of(amy))[-1].last_used_at
    assert last is not None
    assert last - first >= timedelta(minutes=1)
