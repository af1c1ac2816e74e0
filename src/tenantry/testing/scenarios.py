"""Scenarios of an action: what goes in, and what must come of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec

from tenantry.kernel.action import Action
from tenantry.record import Record
from tenantry.users.model import FIRST_TENANT, UserCreator, UserData, UserStatus

InputT = TypeVar("InputT", bound=Action[Any])
ResultT = TypeVar("ResultT")
Errors = type[BaseException] | tuple[type[BaseException], ...]

MADE_UP = frozenset(
    "id tenant_id created_at modified_at deleted_at last_login password_changed_at "
    "totp_activated_at main_access_key version".split()
)
"""Fields of a user that the system fills in; a scenario cannot know and does not compare them."""


@dataclass(frozen=True)
class TestScenario(Generic[InputT, ResultT]):
    """An input with the result, or the error, that it must lead to; see ``success``, ``failure``.

    Made for ``@pytest.mark.parametrize``, and of use without pytest as well.
    """

    __test__: ClassVar[bool] = False  # pytest shall not take it for a class of tests

    description: str
    input: InputT
    expected: ResultT | None = None
    expected_exception: Errors | None = None

    @classmethod
    def success(
        cls, description: str, input: InputT, expected: ResultT
    ) -> "TestScenario[InputT, ResultT]":
        """The input leads to this result. In users, what the system makes up is not compared."""
        return cls(description, input, expected=expected)

    @classmethod
    def failure(
        cls, description: str, input: InputT, expected_exception: Errors
    ) -> "TestScenario[InputT, Any]":  # Any: there is no result
        """The input leads to this error, or to one of these."""
        return cls(description, input, expected_exception=expected_exception)

    async def test(self, run: Callable[[InputT], Awaitable[ResultT]]) -> None:
        """Run the input and compare; AssertionError says what was expected and what came."""
        if self.expected_exception is None:
            result = await run(self.input)
            expected, found = comparable(self.expected), comparable(result)
            assert found == expected, f"{self.description}: {found!r} is not {expected!r}"
            return
        try:
            result = await run(self.input)
        except self.expected_exception:
            return
        raise AssertionError(f"{self.description}: there was no error, but {result!r}")


def comparable(value: object) -> object:
    """The value without what the system makes up of users."""
    if isinstance(value, Record):
        left_out = MADE_UP if isinstance(value, UserData) else frozenset()
        fields = msgspec.structs.asdict(value)
        kept = {name: comparable(part) for name, part in fields.items() if name not in left_out}
        return type(value).__name__, kept
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return value


def expected_user(**fields: Any) -> UserData:
    """A user as the system would answer: these fields, defaults, and stand-ins for the made up."""
    fields_of_user = {one.name: one for one in msgspec.structs.fields(UserData)}
    defaults = {name: None for name, one in fields_of_user.items() if one.required}
    plain = {
        name: value
        for name, value in msgspec.structs.asdict(UserCreator(username="")).items()
        if name in fields_of_user and value is not None
    }
    never = datetime.fromtimestamp(0, UTC)
    made_up = {"id": UUID(int=0), "tenant_id": UUID(int=0), "version": 1}
    made_up |= {"created_at": never, "modified_at": never}
    unsaid = {"status": UserStatus.ACTIVE, "domain_name": FIRST_TENANT}
    return UserData(**{**defaults, **plain, **made_up, **unsaid, **fields})
