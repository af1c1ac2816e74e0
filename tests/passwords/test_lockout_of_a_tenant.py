"""The limits of failed logins that a tenant has set hold for its users."""

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD
from tenantry.users.model import UserData
from tests.passwords.test_history import set_policy

pytestmark = pytest.mark.anyio

HERE = Origin("http", "203.0.113.7")


async def login(app: App, password: str) -> bool:
    with acting_as(ANONYMOUS, HERE):
        action = AuthenticateAction("john", password)
        return (await app.auth.authenticate.wait_for_complete(action)).success


async def test_a_tenants_own_number_of_failures_and_minutes_hold(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    await set_policy(tenantry, max_failed_attempts=2, lockout_minutes=60)
    for _ in range(2):
        assert not await login(tenantry, "wrong")
    assert not await login(tenantry, PASSWORD)
    clock.advance(minutes=59)
    await tenantry.assembly.logins.lockout.sweep()
    assert not await login(tenantry, PASSWORD)
    clock.advance(minutes=2)
    assert await login(tenantry, PASSWORD)


async def test_one_failure_fewer_locks_nobody(tenantry: App, john: UserData) -> None:
    await set_policy(tenantry, max_failed_attempts=3)
    for _ in range(2):
        assert not await login(tenantry, "wrong")
    assert await login(tenantry, PASSWORD)
