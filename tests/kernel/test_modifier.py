"""A field keeps its value unless its state says otherwise."""

from typing import Any

import pytest

from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import SecretText


class Change(Modifier, frozen=True, kw_only=True):
    name: OptionalState[str] = OptionalState.nop()
    note: TriState[str] = TriState.nop()
    count: TriState[int] = TriState.nop()
    on: OptionalState[bool] = OptionalState.nop()
    password: OptionalState[SecretText] = OptionalState.nop()


@pytest.mark.parametrize("kind", [OptionalState, TriState])
def test_nothing_said_is_no_value(kind: type[OptionalState[str]]) -> None:
    state = kind.nop()
    assert state.is_nop()
    assert state.optional_value() is None
    with pytest.raises(ValueError, match="no value"):
        state.value()


@pytest.mark.parametrize("kind", [OptionalState, TriState])
@pytest.mark.parametrize("value", ["x", "", 0, False, [], {}])
def test_a_falsy_value_is_a_value(kind: type[OptionalState[Any]], value: object) -> None:
    state = kind.update(value)
    assert not state.is_nop()
    assert state.value() == value
    assert state.optional_value() == value


def test_null_is_said_with_its_own_word() -> None:
    for kind, hint in ((OptionalState, "cannot be null"), (TriState, r"nullify\(\)")):
        with pytest.raises(ValueError, match=hint):
            kind.update(None)
    state: TriState[str] = TriState.nullify()
    assert state.is_nullify()
    assert not state.is_nop()
    assert state.optional_value() is None
    with pytest.raises(ValueError, match="no value"):
        state.value()
    assert not hasattr(OptionalState, "nullify")


def test_equality_is_by_value_and_kind() -> None:
    assert OptionalState.update("x") == OptionalState.update("x")
    assert OptionalState.update("x") != OptionalState.update("y")
    assert OptionalState.update("x") != TriState.update("x")
    assert TriState[str].nop() != TriState[str].nullify()
    assert OptionalState.update(False) != OptionalState[bool].nop()
    assert Change(name=OptionalState.update("x")) == Change(name=OptionalState.update("x"))
    assert Change(note=TriState.nullify()) != Change()


def test_a_modifier_holds_only_what_was_said() -> None:
    assert Change().changes() == {}
    said = Change(
        name=OptionalState.update(""),
        note=TriState.nullify(),
        count=TriState.update(0),
        on=OptionalState.update(False),
    )
    assert said.changes() == {"name": "", "note": None, "count": 0, "on": False}


def test_a_secret_is_not_shown() -> None:
    said = Change(password=OptionalState.update("hush"), name=OptionalState.update("x"))
    assert "hush" not in repr(said)
    assert "OptionalState.update('x')" in repr(said)
