"""Setting a password with a one-time token (ResetPasswordAction)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticationResult, ChangeOwnPasswordAction
from tenantry.errors import InvalidToken, NotAuthenticated, PasswordRejected
from tenantry.kernel.action import Origin, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.passwords.tokens import PREFIX, IssuedToken, PasswordTokens, Purpose
from tenantry.resets.actions import PasswordWasReset
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.access import Scope
from tenantry.users.actions import ModifyUserAction, RestoreUserAction
from tenantry.users.model import UserData, UserKey, UserModifier, UserStatus
from tenantry.users.repository import UserRepository
from tests.resets.conftest import HERE, NEW

pytestmark = pytest.mark.anyio

Reset = Callable[..., Awaitable[PasswordWasReset]]
Login = Callable[[str, str], Awaitable[AuthenticationResult]]


async def issue(
    app: App, user: UserData, purpose: Purpose = Purpose.RESET, hours: float = 1
) -> str:
    async with app.database.autocommit() as tx:
        lifetime = timedelta(hours=hours)
        issued: IssuedToken = await app.assembly.passwords.tokens.issue(
            tx, user.id, purpose, lifetime
        )
    return issued.text


async def modify(app: App, user: UserData, **fields: Any) -> None:
    modifier = UserModifier(**fields)
    await app.users.modify_user.wait_for_complete(
        ModifyUserAction(user=str(user.id), modifier=modifier)
    )


async def test_the_new_password_logs_in_and_the_old_one_does_not(
    tenantry: App, john: UserData, reset: Reset, login: Login
) -> None:
    assert await reset(await issue(tenantry, john)) == PasswordWasReset("john")
    assert (await login("john", NEW)).success
    assert not (await login("john", PASSWORD)).success


async def test_all_sessions_end_and_none_begins(
    tenantry: App, john: UserData, reset: Reset, login: Login
) -> None:
    token = (await login("john", PASSWORD)).session_token
    assert token is not None
    answer = await reset(await issue(tenantry, john))
    assert "tny_s_" not in repr(answer)
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HERE)


async def test_it_is_proof_enough_for_who_must_change_the_password_or_has_failed_too_often(
    tenantry: App, john: UserData, reset: Reset, login: Login
) -> None:
    await modify(tenantry, john, need_password_change=OptionalState.update(True))
    for _ in range(12):
        await login("john", "wrong")
    await reset(await issue(tenantry, john))
    answer = await login("john", NEW)
    assert answer.success
    assert answer.user is not None
    assert not answer.user.need_password_change


async def test_a_second_factor_is_still_asked_for(
    tenantry: App, john: UserData, reset: Reset, login: Login, owner: asyncpg.Connection
) -> None:
    await owner.execute("update users set totp_activated = true where id = $1", john.id)
    await reset(await issue(tenantry, john))
    answer = await login("john", NEW)
    assert (answer.success, answer.error_code) == (False, "second_factor_required")


async def test_a_token_is_used_once(tenantry: App, john: UserData, reset: Reset) -> None:
    token = await issue(tenantry, john)
    await reset(token)
    with pytest.raises(InvalidToken):
        await reset(token, "and yet another passphrase")


async def test_of_many_who_use_a_token_at_once_one_sets_the_password(
    tenantry: App, john: UserData, reset: Reset, login: Login
) -> None:
    token = await issue(tenantry, john)
    passwords = [f"passphrase number {n}" for n in range(8)]
    outcomes = await asyncio.gather(
        *(reset(token, password) for password in passwords), return_exceptions=True
    )
    won = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, PasswordWasReset)]
    assert len(won) == 1
    assert all(isinstance(o, InvalidToken) for n, o in enumerate(outcomes) if n not in won)
    assert (await login("john", passwords[won[0]])).success


MARK = Statement(
    "naive.mark", "Mark.", "update password_tokens set spent_at = now() where user_id = $1"
)


async def test_where_a_token_is_looked_at_first_and_marked_then_both_of_two_set_the_password(
    tenantry: App, john: UserData, reset: Reset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive way beside ours: nobody holds the user, and both have looked before one marks."""
    both_have_looked = asyncio.Barrier(2)

    async def look_at(
        self: UserRepository, tx: Transaction, key: UserKey, scope: Scope
    ) -> UserData:
        return await self.get(tx, key, scope)

    async def look_then_mark(self: PasswordTokens, tx: Transaction, token: str) -> bool:
        holder = await self.find(tx, token)
        await both_have_looked.wait()
        await tx.execute(MARK, john.id)
        return holder is not None

    monkeypatch.setattr(UserRepository, "lock", look_at)
    monkeypatch.setattr(PasswordTokens, "spend", look_then_mark)
    token = await issue(tenantry, john)
    outcomes = await asyncio.gather(*(reset(token, f"passphrase number {n}") for n in range(2)))
    assert outcomes == [PasswordWasReset("john")] * 2


async def test_a_token_expires(
    tenantry: App, john: UserData, reset: Reset, clock: ShiftedClock
) -> None:
    token = await issue(tenantry, john)
    clock.advance(minutes=61)
    with pytest.raises(InvalidToken):
        await reset(token)


async def test_the_newest_token_ends_the_older_ones_of_its_purpose(
    tenantry: App, john: UserData, reset: Reset
) -> None:
    invitation = await issue(tenantry, john, Purpose.INVITATION)
    older = await issue(tenantry, john)
    newer = await issue(tenantry, john)
    with pytest.raises(InvalidToken):
        await reset(older)
    await reset(newer)
    with pytest.raises(InvalidToken):
        await reset(invitation, "and yet another passphrase")


async def test_an_invitation_stands_while_anybody_asks_for_resets(
    tenantry: App, john: UserData, reset: Reset
) -> None:
    invitation = await issue(tenantry, john, Purpose.INVITATION)
    await issue(tenantry, john)
    await reset(invitation)


@pytest.mark.parametrize("by", ["administrator", "self"])
async def test_any_change_of_the_password_ends_all_tokens(
    tenantry: App, john: UserData, reset: Reset, by: str
) -> None:
    tokens = [await issue(tenantry, john, purpose) for purpose in Purpose]
    if by == "self":
        with acting_as(john):
            change = ChangeOwnPasswordAction(PASSWORD, "changed by the person")
            await tenantry.auth.change_own_password.wait_for_complete(change)
    else:
        await modify(tenantry, john, password=OptionalState.update("changed by somebody"))
    for token in tokens:
        with pytest.raises(InvalidToken):
            await reset(token)


async def test_a_password_that_is_refused_leaves_the_token_good(
    tenantry: App, john: UserData, reset: Reset
) -> None:
    token = await issue(tenantry, john)
    for bad in ("short", "john-john-john", "x" * 5000):
        with pytest.raises(PasswordRejected) as refused:
            await reset(token, bad)
        assert refused.value.field == "new_password"
    await reset(token)


@pytest.mark.parametrize("status", [UserStatus.INACTIVE, UserStatus.SUSPENDED, UserStatus.DELETED])
async def test_who_cannot_log_in_cannot_reset_either(
    tenantry: App, john: UserData, reset: Reset, status: UserStatus
) -> None:
    token = await issue(tenantry, john)
    await modify(tenantry, john, status=OptionalState.update(status))
    with pytest.raises(InvalidToken):
        await reset(token)
    if status is UserStatus.DELETED:
        await tenantry.users.restore_user.wait_for_complete(RestoreUserAction(user=str(john.id)))
    else:
        await modify(tenantry, john, status=OptionalState.update(UserStatus.ACTIVE))
    await reset(token)


async def test_the_address_rules_hold_here_too(tenantry: App, john: UserData, reset: Reset) -> None:
    token = await issue(tenantry, john)
    await modify(tenantry, john, allowed_client_ip=TriState.update(["198.51.100.0/24"]))
    with pytest.raises(InvalidToken):
        await reset(token)
    await reset(token, NEW, Origin("http", "198.51.100.9"))


@pytest.mark.parametrize(
    "token", ["", "x", PREFIX, PREFIX + "a" * 43, PREFIX + "ä" * 43, "a\0b", "\ud800", "x" * 10**6]
)
async def test_what_is_no_token_gets_the_same_words(
    tenantry: App, reset: Reset, token: str
) -> None:
    with pytest.raises(InvalidToken) as refused:
        await reset(token)
    assert refused.value.message == InvalidToken().message


async def test_a_reset_is_in_the_audit_under_the_user(
    tenantry: App, john: UserData, reset: Reset
) -> None:
    token = await issue(tenantry, john)
    await reset(token)
    with pytest.raises(InvalidToken):
        await reset(token)
    action = SearchAuditAction(action="password.reset")
    entries = (await tenantry.audit.search.wait_for_complete(action)).items
    assert [(e.target, e.outcome, e.reason) for e in reversed(entries)] == [
        ("john", "succeeded", None),
        (None, "failed", "invalid_token"),
    ]
    assert token not in str(entries)


async def test_who_has_no_password_yet_chooses_one_with_an_invitation(
    tenantry: App, reset: Reset, login: Login
) -> None:
    ann = await make_user(tenantry, "ann", password=None)
    await reset(await issue(tenantry, ann, Purpose.INVITATION))
    assert (await login("ann", NEW)).success
