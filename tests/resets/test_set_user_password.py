"""An administrator sets the password of a user (SetUserPasswordAction)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticationResult
from tenantry.errors import (
    InvalidToken,
    NotAuthenticated,
    PasswordRejected,
    PermissionError,
    UserNotFound,
)
from tenantry.kernel.action import Origin, acting_as
from tenantry.kernel.modifier import TriState
from tenantry.password_policies.actions import PasswordPolicyModifier, SetPasswordPolicyAction
from tenantry.resets.actions import (
    PasswordWasReset,
    ResetUserPasswordAction,
    SetUserPasswordAction,
)
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData, UserRole
from tests.resets.conftest import NEW

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Awaitable[AuthenticationResult]]
Reset = Callable[..., Awaitable[PasswordWasReset]]


async def set_password(app: App, user: str, password: str = NEW, **more: Any) -> PasswordWasReset:
    action = SetUserPasswordAction(user=user, new_password=password, **more)
    return await app.resets.set_password.wait_for_complete(action)


async def test_the_new_password_holds_and_all_sessions_end(
    tenantry: App, john: UserData, admin: UserData, login: Login
) -> None:
    before = await login("john", PASSWORD)
    assert before.session_token is not None
    with acting_as(admin):
        assert (await set_password(tenantry, "john")).username == "john"
    assert not (await login("john", PASSWORD)).success
    assert (await login("john", NEW)).success
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(before.session_token, Origin("http", "203.0.113.7"))


async def test_it_can_be_good_for_one_login_only(
    tenantry: App, john: UserData, login: Login
) -> None:
    await set_password(tenantry, "john", need_password_change=True)
    entered = await login("john", NEW)
    assert entered.user is not None
    assert entered.user.need_password_change


async def test_policy_and_history_are_those_of_the_users_tenant(
    tenantry: App, john: UserData, login: Login
) -> None:
    with pytest.raises(PasswordRejected) as refused:
        await set_password(tenantry, "john", "password123")
    assert refused.value.field == "new_password"
    modifier = PasswordPolicyModifier(prevent_reuse_count=TriState.update(2))
    await tenantry.password_policies.set.wait_for_complete(
        SetPasswordPolicyAction(modifier=modifier)
    )
    await set_password(tenantry, "john")
    for used in (NEW, PASSWORD):
        with pytest.raises(PasswordRejected):
            await set_password(tenantry, "john", used)
    assert (await login("john", NEW)).success


async def test_tokens_that_were_handed_out_are_good_for_nothing_any_more(
    tenantry: App, john: UserData, reset: Reset
) -> None:
    action = ResetUserPasswordAction(user="john", mail=False)
    issued = await tenantry.resets.reset_user.wait_for_complete(action)
    await set_password(tenantry, "john")
    with pytest.raises(InvalidToken):
        await reset(issued.token)


async def test_nobody_sets_the_own_a_superadmins_or_a_strangers(
    tenantry: App, john: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    with acting_as(john), pytest.raises(PermissionError):
        await set_password(tenantry, "adele")
    with acting_as(admin):
        with pytest.raises(PermissionError, match="your own"):
            await set_password(tenantry, "adele")
        with pytest.raises((PermissionError, UserNotFound)):
            await set_password(tenantry, "boss")
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'other', 'other', 'active', now())",
        UUID(int=2),
    )
    await make_user(tenantry, "stranger", domain_name="other")
    with acting_as(admin), pytest.raises(UserNotFound):
        await set_password(tenantry, "stranger")


async def test_of_two_at_once_one_is_the_last(tenantry: App, john: UserData, login: Login) -> None:
    passwords = [f"quite another passphrase {number}" for number in range(4)]
    await asyncio.gather(*(set_password(tenantry, "john", password) for password in passwords))
    entered = [(await login("john", password)).success for password in passwords]
    assert sum(entered) == 1


async def test_it_is_in_the_audit_without_the_password(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(admin):
        await set_password(tenantry, "john")
        with pytest.raises(PermissionError):
            await set_password(tenantry, "adele")
    action = SearchAuditAction(action="user.set_password")
    denied, done = (await tenantry.audit.search.wait_for_complete(action)).items
    assert (done.actor, done.target, done.outcome) == ("adele", "john", "succeeded")
    assert denied.outcome == "denied"
    assert NEW not in f"{done} {denied}"
