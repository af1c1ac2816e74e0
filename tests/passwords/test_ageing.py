"""A password that is too old logs in to be changed, and to nothing else."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction, ChangeOwnPasswordAction
from tenantry.errors import PermissionError
from tenantry.kernel.action import Actor, Origin, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData
from tenantry.users.principal import PASSWORD_CHANGE_ONLY
from tests.passwords.test_history import set_policy

pytestmark = pytest.mark.anyio

NEW = "quite another passphrase"
HERE = Origin("http", "203.0.113.7")


async def login(app: App, password: str = PASSWORD) -> Any:
    return await app.auth.authenticate.wait_for_complete(AuthenticateAction("john", password))


async def who(app: App, token: str) -> Actor:
    return await app.auth_service.identify(token, HERE)


async def test_a_login_with_an_old_password_can_only_change_it(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    await set_policy(tenantry, max_age_days=90)
    clock.advance(days=89, hours=23)
    assert not (await login(tenantry)).user.need_password_change
    clock.advance(hours=2)
    answer = await login(tenantry)
    assert answer.success
    assert answer.user.need_password_change
    actor = await who(tenantry, answer.session_token)
    assert actor.only == PASSWORD_CHANGE_ONLY
    with acting_as(actor, HERE):
        with pytest.raises(PermissionError) as limited:
            await tenantry.users.get_user.wait_for_complete(GetUserAction(user="john"))
        assert limited.value.data == {"reason": "need_password_change"}
        change = ChangeOwnPasswordAction(PASSWORD, NEW)
        changed = await tenantry.auth.change_own_password.wait_for_complete(change)
    assert (await who(tenantry, str(changed.session_token))).only is None
    assert not (await login(tenantry, NEW)).user.need_password_change


async def test_a_session_that_there_is_is_limited_at_once(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    clock.advance(days=200)
    token = (await login(tenantry)).session_token
    assert (await who(tenantry, token)).only is None
    await set_policy(tenantry, max_age_days=199)
    assert (await who(tenantry, token)).only == PASSWORD_CHANGE_ONLY
    await set_policy(tenantry, max_age_days=201)
    assert (await who(tenantry, token)).only is None


async def test_by_default_no_password_grows_old(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    clock.advance(days=5 * 365 // 6)
    assert not (await login(tenantry)).user.need_password_change
