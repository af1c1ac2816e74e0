"""Logging in where there is a second factor."""

import asyncio
from typing import Any

import pytest

from tenantry.app import App
from tenantry.auth.actions import (
    AuthenticateAction,
    AuthenticationResult,
    ChangeOwnPasswordAction,
    CompleteLoginAction,
    WhoAmIAction,
)
from tenantry.errors import (
    InvalidCredentials,
    InvalidInput,
    NotAuthenticated,
    PermissionError,
    StateConflict,
)
from tenantry.kernel.action import ANONYMOUS, Action, Actor, Origin, Outcome, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.testing.users import PASSWORD
from tenantry.users.actions import GetUserAction, ModifyUserAction
from tenantry.users.model import UserModifier
from tests.conftest import Trail

from .conftest import Device

pytestmark = pytest.mark.anyio
HOME = Origin(face="test", address="192.0.2.7")


async def login(
    tenantry: App, code: str | None = None, password: str = PASSWORD
) -> AuthenticationResult:
    action = AuthenticateAction("amy", password, totp_code=code)
    with acting_as(ANONYMOUS, HOME):
        return await tenantry.auth.authenticate.wait_for_complete(action)


async def half_done(tenantry: App) -> Actor:
    """The actor of a session that the password alone has opened."""
    result = await login(tenantry)
    return await tenantry.auth_service.identify(str(result.session_token), HOME)


async def complete(tenantry: App, actor: Actor, code: str) -> AuthenticationResult:
    with acting_as(actor, HOME):
        return await tenantry.auth.complete_login.wait_for_complete(CompleteLoginAction(code))


async def failures(owner: Any) -> int:  # Any: asyncpg's connection
    return int(
        await owner.fetchval(
            "select coalesce(sum(failures), 0) from attempts where "
            "subject not like '%@%' and subject like 'user:%'"
        )
    )


async def test_password_and_code_at_once_log_in(tenantry: App, device: Device) -> None:
    for code in (device.code(), device.recovery_codes[0]):
        result = await login(tenantry, code)
        assert result.success is True
        actor = await tenantry.auth_service.identify(str(result.session_token), HOME)
        assert (actor.id, actor.only) == (device.user.id, None)


async def test_t7_the_password_alone_is_good_for_the_second_step_and_nothing_else(
    tenantry: App, device: Device
) -> None:
    result = await login(tenantry)
    assert (result.success, result.error_code) == (False, "second_factor_required")
    assert result.user is None
    actor = await half_done(tenantry)
    for action in (
        GetUserAction(user="amy"),
        ModifyUserAction(user="amy", modifier=UserModifier()),
        ChangeOwnPasswordAction(PASSWORD, "quite another passphrase"),
        WhoAmIAction(),
    ):
        with acting_as(actor, HOME), pytest.raises(PermissionError) as denied:
            await run(tenantry, action)
        assert denied.value.data["reason"] == "need_second_factor"
    assert actor.only == frozenset({"login.second_factor", "logout"})


async def run(tenantry: App, action: Action[Any]) -> None:
    await tenantry.run(action)


async def test_t7_the_token_of_the_first_step_lives_for_five_minutes(
    tenantry: App, device: Device
) -> None:
    token = str((await login(tenantry)).session_token)
    device.clock.advance(minutes=4, seconds=59)
    assert await tenantry.auth_service.identify(token, HOME)
    device.clock.advance(seconds=1)
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HOME)


async def test_the_second_step_opens_a_full_session_and_ends_the_first(
    tenantry: App, device: Device
) -> None:
    token = str((await login(tenantry)).session_token)
    actor = await tenantry.auth_service.identify(token, HOME)
    result = await complete(tenantry, actor, device.code())
    full = await tenantry.auth_service.identify(str(result.session_token), HOME)
    assert (full.id, full.only) == (device.user.id, None)
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HOME)
    with pytest.raises(NotAuthenticated):
        await complete(tenantry, actor, device.recovery_codes[0])
    with pytest.raises(StateConflict):
        await complete(tenantry, full, device.recovery_codes[0])


async def test_one_first_step_opens_one_session_also_with_twenty_good_codes_at_once(
    tenantry: App, device: Device
) -> None:
    actor = await half_done(tenantry)
    codes = [device.code(), *device.recovery_codes[:4]]
    completing = (complete(tenantry, actor, code) for code in codes)
    ended = await asyncio.gather(*completing, return_exceptions=True)
    assert sum(isinstance(result, AuthenticationResult) for result in ended) == 1


async def test_a_wrong_code_says_what_a_wrong_password_says(
    tenantry: App, device: Device, trail: Trail
) -> None:
    answers = [
        await login(tenantry, device.code(5)),
        await login(tenantry, device.code(), password="a wrong passphrase"),
        await login(tenantry, password="a wrong passphrase"),
    ]
    assert len({repr(answer) for answer in answers}) == 1
    assert [entry.reason for entry in (await trail("login"))[:3]] == [
        "wrong_password",
        "wrong_password",
        "wrong_code",
    ]
    with pytest.raises(InvalidCredentials):
        await complete(tenantry, await half_done(tenantry), device.code(5))


async def test_a_wrong_password_uses_no_code_up(tenantry: App, device: Device) -> None:
    code = device.code()
    assert not (await login(tenantry, code, password="a wrong passphrase")).success
    assert (await login(tenantry, code)).success


async def test_t3_a_code_logs_in_once_over_both_ways(tenantry: App, device: Device) -> None:
    code = device.code()
    assert (await login(tenantry, code)).success
    assert not (await login(tenantry, code)).success
    with pytest.raises(InvalidCredentials):
        await complete(tenantry, await half_done(tenantry), code)


async def test_t3_of_twenty_logins_with_one_code_at_once_one_succeeds(
    tenantry: App, device: Device
) -> None:
    code = device.code()
    ended = await asyncio.gather(*(login(tenantry, code) for _ in range(20)))
    assert sum(result.success for result in ended) == 1


async def test_malformed_codes_are_refused_by_field_whoever_asks(
    tenantry: App, device: Device
) -> None:
    for username in ("amy", "nobody"):
        action = AuthenticateAction(username, PASSWORD, totp_code="921 300")
        with pytest.raises(InvalidInput) as refused:
            await tenantry.auth.authenticate.wait_for_complete(action)
        assert refused.value.field == "totp_code"


async def test_l7_a_right_password_with_a_wrong_or_no_code_clears_no_failure(
    tenantry: App, device: Device, owner: Any
) -> None:
    await login(tenantry, password="a wrong passphrase")
    await login(tenantry, device.code(5))
    assert await failures(owner) == 2
    actor = await half_done(tenantry)
    assert await failures(owner) == 2
    with pytest.raises(InvalidCredentials):
        await complete(tenantry, actor, device.code(5))
    assert await failures(owner) == 3
    await complete(tenantry, actor, device.code())
    assert await failures(owner) == 0


async def test_l9_new_first_steps_give_no_new_tries(tenantry: App, device: Device) -> None:
    limit = tenantry.settings.max_failed_attempts
    for _ in range(limit):
        with pytest.raises(InvalidCredentials):
            await complete(tenantry, await half_done(tenantry), device.code(5))
    assert (await login(tenantry, device.code())).error_code == "invalid_credentials"
    device.clock.advance(minutes=tenantry.settings.lockout_minutes)
    assert (await login(tenantry, device.code())).success


async def test_t9_a_new_password_does_not_get_round_the_second_factor(
    tenantry: App, device: Device
) -> None:
    modifier = UserModifier(password=OptionalState.update("quite another passphrase"))
    change = ModifyUserAction(user="amy", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(change)
    result = await login(tenantry, password="quite another passphrase")
    assert result.error_code == "second_factor_required"


async def test_a_change_in_between_voids_the_first_step(tenantry: App, device: Device) -> None:
    actor = await half_done(tenantry)
    modifier = UserModifier(password=OptionalState.update("quite another passphrase"))
    change = ModifyUserAction(user="amy", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(change)
    with pytest.raises(NotAuthenticated):
        await complete(tenantry, actor, device.code())


async def test_both_steps_are_audited(tenantry: App, device: Device, trail: Trail) -> None:
    await complete(tenantry, await half_done(tenantry), device.code())
    [first] = [e for e in await trail("login") if e.reason == "second_factor_required"]
    [second] = await trail("login.second_factor")
    assert [first.outcome, second.outcome] == [Outcome.SUCCEEDED] * 2
    assert first.target_id == second.target_id == device.user.id
