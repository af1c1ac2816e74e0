"""A scenario says no where it should: otherwise no test that uses one is worth anything."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from tenantry.errors import UserConflict, UserNotFound
from tenantry.testing.scenarios import MADE_UP, TestScenario, expected_user
from tenantry.users.actions import GetUserAction, UserResult
from tenantry.users.model import UserData, UserRole

pytestmark = pytest.mark.anyio

ACTION = GetUserAction(user="amy")
AMY = UserResult(expected_user(username="amy", email="amy@example.com"))


async def answers(action: GetUserAction) -> UserResult:
    return AMY


async def refuses(action: GetUserAction) -> UserResult:
    raise UserNotFound


async def test_the_expected_result_and_the_expected_error_are_a_success() -> None:
    await TestScenario.success("amy is there", ACTION, AMY).test(answers)
    await TestScenario.failure("amy is gone", ACTION, UserNotFound).test(refuses)
    errors = (UserConflict, UserNotFound)
    await TestScenario.failure("amy is gone", ACTION, errors).test(refuses)


async def test_another_result_is_a_failure_that_names_the_scenario() -> None:
    for other in ({"role": UserRole.ADMIN}, {"email": None}, {"container_gids": [1000]}):
        data = msgspec.structs.replace(AMY.data, **other)
        scenario = TestScenario.success("amy is there", ACTION, UserResult(data))
        with pytest.raises(AssertionError, match="amy is there"):
            await scenario.test(answers)


async def test_no_error_or_another_one_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="amy is gone: there was no error"):
        await TestScenario.failure("amy is gone", ACTION, UserNotFound).test(answers)
    with pytest.raises(UserNotFound):
        await TestScenario.failure("amy is twice", ACTION, UserConflict).test(refuses)
    with pytest.raises(UserNotFound):
        await TestScenario.success("amy is there", ACTION, AMY).test(refuses)


async def test_what_the_system_makes_up_is_not_compared() -> None:
    made_up = {
        "id": uuid4(),
        "tenant_id": uuid4(),
        "main_access_key": "AKIAAAAAAAAAAAAAAAAA",
        "version": 7,
    }
    moments = MADE_UP - made_up.keys()
    made_up |= dict.fromkeys(moments, datetime.now(UTC))
    data = msgspec.structs.replace(AMY.data, **made_up)
    assert set(made_up) == set(MADE_UP) <= set(UserData.__struct_fields__)
    await TestScenario.success("amy is there", ACTION, UserResult(data)).test(answers)
