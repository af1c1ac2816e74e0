"""Changing one's own password."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import (
    AuthenticationResult,
    ChangeOwnPasswordAction,
    EndOwnSessionAction,
    WhoAmIAction,
)
from tenantry.errors import InvalidInput, NotAuthenticated, PasswordRejected, PermissionError
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Awaitable[AuthenticationResult]]
Identify = Callable[[str | None], Awaitable[Actor]]
NEW = "quite another passphrase"
WRONG = "not the passphrase"


async def change(app: App, current: str, new: str) -> AuthenticationResult:
    action = ChangeOwnPasswordAction(current, new)
    return await app.auth.change_own_password.wait_for_complete(action)


async def test_the_new_password_logs_in_and_the_old_one_does_not(
    tenantry: App, john: UserData, login: Login
) -> None:
    with acting_as(john):
        result = await change(tenantry, PASSWORD, NEW)
    assert result.success
    assert result.user is not None
    assert result.user.password_changed_at != john.password_changed_at
    assert (await login("john", NEW)).success
    assert not (await login("john", PASSWORD)).success


async def test_all_sessions_end_and_the_answer_holds_a_new_one(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    old = [(await login("john", PASSWORD)).session_token for _ in range(3)]
    with acting_as(await identify(old[0])):
        new = (await change(tenantry, PASSWORD, NEW)).session_token
    for token in old:
        with pytest.raises(NotAuthenticated):
            await identify(token)
    assert (await identify(new)).id == john.id


async def test_a_wrong_current_password_is_refused_and_counts_as_a_failed_attempt(
    tenantry: App, john: UserData, login: Login, owner: asyncpg.Connection
) -> None:
    with acting_as(john):
        for _ in range(tenantry.settings.max_failed_attempts):
            with pytest.raises(PermissionError) as refused:
                await change(tenantry, WRONG, NEW)
            assert refused.value.field == "current_password"
        with pytest.raises(PermissionError):
            await change(tenantry, PASSWORD, NEW)
    counted = await owner.fetch("select failures from attempts")
    assert [row["failures"] for row in counted] == [10, 10]
    assert not (await login("john", PASSWORD)).success


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (PASSWORD, "unchanged"),
        ("short", "too_short"),
        ("x" * 129, "too_long"),
        ("john-JOHN-john1", "context_word"),
        ("tenantry2026!!", "context_word"),
    ],
)
async def test_an_unfit_new_password_is_refused_and_costs_no_attempt(
    tenantry: App,
    john: UserData,
    login: Login,
    owner: asyncpg.Connection,
    new: str,
    code: str,
) -> None:
    with acting_as(john), pytest.raises(PasswordRejected) as refused:
        await change(tenantry, PASSWORD, new)
    assert [(v.field, v.code) for v in refused.value.violations] == [("new_password", code)]
    assert new not in str(refused.value)
    counted = await owner.fetch("select failures, pending from attempts")
    assert {tuple(row) for row in counted} == {(0, 0)}
    assert (await login("john", PASSWORD)).success


async def test_who_must_change_the_password_can_do_that_and_then_everything_else(
    tenantry: App, login: Login, identify: Identify
) -> None:
    await make_user(tenantry, "ada", need_password_change=True)
    result = await login("ada", PASSWORD)
    assert result.user is not None
    assert result.user.need_password_change
    limited = await identify(result.session_token)
    with acting_as(limited):
        with pytest.raises(PermissionError) as refused:
            await tenantry.users.get_user.wait_for_complete(GetUserAction(user="ada"))
        assert refused.value.data == {"reason": "need_password_change"}
        me = await tenantry.auth.who_am_i.wait_for_complete(WhoAmIAction())
        assert me.only == ["logout", "user.change_password", "whoami"]
        changed = await change(tenantry, PASSWORD, NEW)
    free = await identify(changed.session_token)
    assert free.only is None
    with acting_as(free):
        me = await tenantry.auth.who_am_i.wait_for_complete(WhoAmIAction())
        assert (me.only, me.user.need_password_change) == (None, False)
        await tenantry.users.get_user.wait_for_complete(GetUserAction(user="ada"))


async def test_who_must_change_the_password_can_log_out(
    tenantry: App, login: Login, identify: Identify
) -> None:
    await make_user(tenantry, "ada", need_password_change=True)
    token = (await login("ada", PASSWORD)).session_token
    with acting_as(await identify(token)):
        await tenantry.auth.end_own_session.wait_for_complete(EndOwnSessionAction())
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_of_two_who_change_it_at_once_with_the_same_proof_one_wins(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    passwords = ["first new passphrase", "second new passphrase"]

    async def attempt(new: str) -> AuthenticationResult:
        with acting_as(john):
            return await change(tenantry, PASSWORD, new)

    results: list[Any] = await asyncio.gather(*map(attempt, passwords), return_exceptions=True)
    winners = [i for i, result in enumerate(results) if isinstance(result, AuthenticationResult)]
    assert len(winners) == 1
    loser = results[1 - winners[0]]
    assert isinstance(loser, NotAuthenticated | PermissionError)
    assert (await identify(results[winners[0]].session_token)).id == john.id
    assert (await login("john", passwords[winners[0]])).success
    assert not (await login("john", passwords[1 - winners[0]])).success


async def test_only_a_user_has_a_password_to_change(tenantry: App, john: UserData) -> None:
    with pytest.raises(NotAuthenticated):
        await change(tenantry, PASSWORD, NEW)
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await change(tenantry, PASSWORD, NEW)


@pytest.mark.parametrize("field", ["current_password", "new_password"])
async def test_what_is_no_text_is_refused_by_its_field(
    tenantry: App, john: UserData, field: str
) -> None:
    given: dict[str, Any] = {"current_password": PASSWORD, "new_password": NEW, field: 5}
    with acting_as(john), pytest.raises(InvalidInput) as refused:
        await tenantry.auth.change_own_password.wait_for_complete(ChangeOwnPasswordAction(**given))
    assert refused.value.field == field


async def test_each_try_leaves_one_entry(tenantry: App, john: UserData) -> None:
    with acting_as(john):
        with pytest.raises(PermissionError):
            await change(tenantry, WRONG, NEW)
        with pytest.raises(PasswordRejected):
            await change(tenantry, PASSWORD, "short")
        await change(tenantry, PASSWORD, NEW)
    page = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="user.change_password")
    )
    done, unfit, wrong = page.items
    assert (wrong.outcome, wrong.reason) == (Outcome.FAILED, "wrong_password")
    assert (unfit.outcome, unfit.reason) == (Outcome.FAILED, "password_rejected")
    assert (done.outcome, done.target_id) == (Outcome.SUCCEEDED, john.id)
    assert done.changes == {"password": ["***", "***"]}
