"""Change only what was said: a field keeps its value unless its state says otherwise."""

from enum import Enum
from typing import Any, ClassVar, Generic, Self, TypeVar

from tenantry.record import Record

T = TypeVar("T")


class _State(Enum):
    NOP = "nop"
    UPDATE = "update"
    NULLIFY = "nullify"


class OptionalState(Generic[T]):  # noqa: PLW1641 - a value may be a list, which has no hash
    """A new value, or no change. Falsy values are values; None is not one."""

    __slots__ = ("_state", "_value")
    nullable: ClassVar[bool] = False

    def __init__(self, state: _State, value: T | None) -> None:
        self._state = state
        self._value = value

    @classmethod
    def update(cls, value: T) -> Self:
        """Set the field to this value."""
        if value is None:
            hint = "use nullify()" if cls.nullable else "this field cannot be null"
            raise ValueError(f"None is no value: {hint}")
        return cls(_State.UPDATE, value)

    @classmethod
    def nop(cls) -> Self:
        """Leave the field as it is."""
        return cls(_State.NOP, None)

    def is_nop(self) -> bool:
        """Whether the field stays as it is."""
        return self._state is _State.NOP

    def value(self) -> T:
        """The new value; ValueError where there is none."""
        if self._state is not _State.UPDATE or self._value is None:
            raise ValueError(f"there is no value in state {self._state.value}")
        return self._value

    def optional_value(self) -> T | None:
        """The new value, or None where there is none."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OptionalState) or type(self) is not type(other):
            return NotImplemented
        return (self._state, self._value) == (other._state, other._value)

    def __repr__(self) -> str:
        shown = repr(self._value) if self._state is _State.UPDATE else ""
        return f"{type(self).__name__}.{self._state.value}({shown})"


class TriState(OptionalState[T]):
    """A new value, null, or no change."""

    __slots__ = ()
    nullable = True

    @classmethod
    def nullify(cls) -> Self:
        """Set the field to null."""
        return cls(_State.NULLIFY, None)

    def is_nullify(self) -> bool:
        """Whether the field becomes null."""
        return self._state is _State.NULLIFY


class Modifier(Record, frozen=True):
    """A set of fields, each an OptionalState or a TriState that says nothing by default."""

    def changes(self) -> dict[str, Any]:  # Any: each field has a type of its own
        """What was said: field to new value, None where it becomes null."""
        states = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: s.optional_value() for name, s in states.items() if not s.is_nop()}
