"""An administrator has a user set a new password (ResetUserPasswordAction)."""

from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticationResult
from tenantry.errors import InvalidInput, PermissionError, UserNotFound
from tenantry.kernel.action import acting_as
from tenantry.resets.actions import IssuedReset, PasswordWasReset, ResetUserPasswordAction
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData, UserRole
from tests.resets.conftest import NEW, text_of, token_in

pytestmark = pytest.mark.anyio

Reset = Callable[..., Awaitable[PasswordWasReset]]
Login = Callable[[str, str], Awaitable[AuthenticationResult]]
Deliver = Callable[[], Awaitable[list[EmailMessage]]]


async def reset_user(app: App, user: str, **fields: Any) -> IssuedReset:
    action = ResetUserPasswordAction(user=user, **fields)
    return await app.resets.reset_user.wait_for_complete(action)


async def test_the_token_is_shown_once_where_no_mail_is_wanted(
    tenantry: App, john: UserData, admin: UserData, reset: Reset, login: Login, deliver: Deliver
) -> None:
    with acting_as(admin):
        issued = await reset_user(tenantry, "john", mail=False)
    assert issued.token is not None
    assert issued.link == f"{tenantry.settings.base_url}/set-password#{issued.token}"
    assert issued.expires_at is not None
    assert issued.token not in repr(issued)
    assert (await login("john", PASSWORD)).success, "until it is used, all is as before"
    await reset(issued.token)
    assert (await login("john", NEW)).success
    assert await deliver() == []


async def test_a_mailed_token_is_seen_by_nobody_else(
    tenantry: App, john: UserData, admin: UserData, reset: Reset, deliver: Deliver
) -> None:
    with acting_as(admin):
        issued = await reset_user(tenantry, "john")
    assert (issued.mailed, issued.token, issued.link) == (True, None, None)
    (mail,) = await deliver()
    await reset(token_in(mail))


async def test_who_never_had_a_password_gets_an_invitation(tenantry: App, deliver: Deliver) -> None:
    await make_user(tenantry, "ann", password=None)
    await reset_user(tenantry, "ann")
    (mail,) = await deliver()
    assert mail["Subject"].startswith("Your account at")
    assert "Hello ann," in text_of(mail)


async def test_without_an_address_there_is_no_mail(tenantry: App) -> None:
    await make_user(tenantry, "mute", email=None)
    with pytest.raises(InvalidInput) as refused:
        await reset_user(tenantry, "mute")
    assert refused.value.field == "mail"
    assert (await reset_user(tenantry, "mute", mail=False)).token is not None


async def test_only_who_may_set_the_password_may_have_it_reset(
    tenantry: App, john: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    with acting_as(john), pytest.raises(PermissionError):
        await reset_user(tenantry, "adele")
    with acting_as(admin):
        with pytest.raises(PermissionError, match="your own"):
            await reset_user(tenantry, "adele", mail=False)
        with pytest.raises((PermissionError, UserNotFound)):
            await reset_user(tenantry, "boss", mail=False)
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'other', 'other', 'active', now())",
        UUID(int=2),
    )
    await make_user(tenantry, "stranger", domain_name="other")
    with acting_as(admin), pytest.raises(UserNotFound):
        await reset_user(tenantry, "stranger", mail=False)


async def test_it_is_in_the_audit(tenantry: App, john: UserData, admin: UserData) -> None:
    with acting_as(admin):
        issued = await reset_user(tenantry, "john", mail=False)
    action = SearchAuditAction(action="user.reset_password")
    (entry,) = (await tenantry.audit.search.wait_for_complete(action)).items
    assert (entry.actor, entry.target, entry.outcome) == ("adele", "john", "succeeded")
    assert str(issued.token) not in str(entry)
