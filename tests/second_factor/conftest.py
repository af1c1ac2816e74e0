"""The second factor put together with the login's own counter, sessions and hashes."""

from base64 import b32decode
from dataclasses import dataclass

import pytest

from tenantry.app import App
from tenantry.kernel.action import acting_as
from tenantry.second_factor.actions import EnrolSecondFactorAction, ProveSecondFactorAction
from tenantry.second_factor.codes import STEP_SECONDS, code_at, step_at
from tenantry.second_factor.processors import SecondFactorProcessors
from tenantry.second_factor.service import SecondFactorService
from tenantry.second_factor.verifier import CodeVerifier
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData


@dataclass(frozen=True)
class Device:
    """What its user holds: an authenticator app with the secret, and recovery codes on paper."""

    user: UserData
    secret: bytes
    recovery_codes: list[str]
    clock: ShiftedClock

    def code(self, steps: int = 0) -> str:
        """The code of this moment, or of so many steps later."""
        return code_at(self.secret, step_at(self.clock.now()) + steps)


@pytest.fixture
def clock() -> ShiftedClock:
    """A clock in the middle of a time step, so that no test crosses into the next one."""
    clock = ShiftedClock()
    into_step = clock.now().timestamp() % STEP_SECONDS
    clock.advance(seconds=STEP_SECONDS / 2 - into_step)
    return clock


@pytest.fixture
def verifier(tenantry: App) -> CodeVerifier:
    return tenantry.assembly.code_verifier


@pytest.fixture
def service(tenantry: App) -> SecondFactorService:
    return tenantry.assembly.second_factor


@pytest.fixture
def second_factor(tenantry: App) -> SecondFactorProcessors:
    """The processors of the second factor."""
    return tenantry.second_factor


async def enrol(second_factor: SecondFactorProcessors, user: UserData) -> bytes:
    """Begin with a second factor as this user; the secret."""
    with acting_as(user):
        action = EnrolSecondFactorAction(PASSWORD)
        enrolled = await second_factor.enrol.wait_for_complete(action)
    return b32decode(enrolled.secret)


@pytest.fixture
async def device(
    tenantry: App, second_factor: SecondFactorProcessors, clock: ShiftedClock
) -> Device:
    """A user with an active second factor, whose first code was used a minute ago."""
    user = await make_user(tenantry, "amy")
    secret = await enrol(second_factor, user)
    action = ProveSecondFactorAction(code_at(secret, step_at(clock.now())))
    with acting_as(user):
        proven = await second_factor.prove.wait_for_complete(action)
    clock.advance(minutes=1)
    return Device(user, secret, list(proven.recovery_codes), clock)
