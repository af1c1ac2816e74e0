"""Inviting somebody (InviteUserAction): a user without a password, and a token for choosing one."""

from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Any

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticationResult
from tenantry.errors import (
    InvalidInput,
    InvalidToken,
    PermissionError,
    UserConflict,
    UserCreationBadRequest,
)
from tenantry.kernel.action import acting_as
from tenantry.resets.actions import InviteUserAction, IssuedReset, PasswordWasReset
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import FindUserAction
from tenantry.users.model import UserCreator, UserData, UserRole
from tests.resets.conftest import NEW, text_of, token_in

pytestmark = pytest.mark.anyio

Reset = Callable[..., Awaitable[PasswordWasReset]]
Login = Callable[[str, str], Awaitable[AuthenticationResult]]
Deliver = Callable[[], Awaitable[list[EmailMessage]]]


async def invite(
    app: App, username: str = "ann", *, mail: bool = True, **fields: Any
) -> IssuedReset:
    given = {"email": f"{username}@example.com", "full_name": "Ann Lee", **fields}
    action = InviteUserAction(input=UserCreator(username=username, **given), mail=mail)
    return await app.resets.invite.wait_for_complete(action)


async def test_the_invited_person_chooses_the_password_with_the_mailed_link(
    tenantry: App, admin: UserData, reset: Reset, login: Login, deliver: Deliver
) -> None:
    with acting_as(admin):
        invited = await invite(tenantry)
    assert (invited.user.username, invited.mailed, invited.token) == ("ann", True, None)
    assert not (await login("ann", NEW)).success
    (mail,) = await deliver()
    assert mail["Subject"].startswith("Your account at")
    assert text_of(mail).startswith("Hello Ann Lee,")
    assert '"ann"' in text_of(mail)
    await reset(token_in(mail))
    assert (await login("ann", NEW)).success


async def test_who_is_invited_by_a_tenants_admin_is_of_that_tenant(
    tenantry: App, other_tenant: str
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN, domain_name=other_tenant)
    with acting_as(boss):
        assert (await invite(tenantry)).user.domain_name == other_tenant


async def test_the_token_can_be_handed_over_in_another_way(
    tenantry: App, reset: Reset, deliver: Deliver
) -> None:
    invited = await invite(tenantry, email=None, mail=False)
    assert invited.token is not None
    assert await deliver() == []
    await reset(invited.token)


async def test_an_invitation_holds_for_a_day(
    tenantry: App, reset: Reset, clock: ShiftedClock
) -> None:
    invited = await invite(tenantry, mail=False)
    clock.advance(hours=23)
    again = await invite(tenantry, "ben", mail=False)
    assert again.token is not None
    await reset(str(invited.token))
    clock.advance(hours=25)
    with pytest.raises(InvalidToken):
        await reset(again.token)


async def test_what_is_wrong_is_named_and_nobody_is_made(tenantry: App, admin: UserData) -> None:
    with pytest.raises(InvalidInput, match="mail"):
        await invite(tenantry, email=None)
    with pytest.raises(UserCreationBadRequest, match="password"):
        await invite(tenantry, password="chosen by somebody else")
    with pytest.raises(UserCreationBadRequest, match="email"):
        await invite(tenantry, email="nonsense")
    found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user="ann"))
    assert found.data is None
    with pytest.raises(UserConflict):
        await invite(tenantry, "adele")


async def test_nobody_is_invited_to_more_than_who_invites_may_give(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(john), pytest.raises(PermissionError):
        await invite(tenantry)
    with acting_as(admin), pytest.raises(PermissionError):
        await invite(tenantry, role=UserRole.SUPERADMIN)
    with acting_as(admin):
        assert (await invite(tenantry, role=UserRole.ADMIN)).user.role is UserRole.ADMIN


async def test_it_is_in_the_audit(tenantry: App, admin: UserData) -> None:
    with acting_as(admin):
        invited = await invite(tenantry, mail=False)
    action = SearchAuditAction(action="user.invite")
    (entry,) = (await tenantry.audit.search.wait_for_complete(action)).items
    assert (entry.actor, entry.target, entry.target_id) == ("adele", "ann", invited.user.id)
    assert str(invited.token) not in str(entry)
