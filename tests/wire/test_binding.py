"""The two directions of a binding agree."""

from typing import get_origin

import msgspec
import pytest

from tenantry.errors import InvalidInput
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.roles.actions import EnsuredRole, EnsureRoleAction
from tenantry.routes import wire
from tenantry.users.actions import ImportUsersAction, ListUsersAction, ModifyUserAction
from tenantry.users.model import UserModifier, UserRole


def test_a_change_asks_for_nothing_that_was_not_said() -> None:
    action = ModifyUserAction(user="john", modifier=UserModifier(full_name=TriState.update("J")))
    request = wire().of(ModifyUserAction).to_request(action)
    assert request.body == {"full_name": "J"}


@pytest.mark.parametrize("email", [TriState.nop(), TriState.nullify(), TriState.update("j@x.org")])
def test_a_request_stands_for_the_action_that_it_was_made_of(email: TriState[str]) -> None:
    binding = wire().of(ModifyUserAction)
    modifier = UserModifier(email=email, sudo_session_enabled=OptionalState.update(False))
    action = ModifyUserAction(user="a/b", modifier=modifier, version=3)
    request = binding.to_request(action)
    assert request.path == "/users/a%2Fb"
    assert binding.to_action({"user": "a/b"}, request.query, request.body) == action


@pytest.mark.parametrize("text", ["1e3", "0x10", "7.0", " 7", "٧", "true"])
def test_a_number_in_a_query_is_written_as_a_number(text: str) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        wire().of(ListUsersAction).to_action({}, {"limit": text}, {})


def test_a_fault_deep_in_a_list_is_named_with_its_place() -> None:
    body = {"users": [{"username": "a"}, {"usernme": "b"}]}
    with pytest.raises(InvalidInput) as caught:
        wire().of(ImportUsersAction).to_action({}, {}, body)
    assert caught.value.field == "users[1].usernme"


def test_a_value_that_is_no_choice_is_told_the_choices() -> None:
    with pytest.raises(InvalidInput) as caught:
        wire().of(ModifyUserAction).to_action({"user": "john"}, {}, {"role": "boss"})
    assert caught.value.field == "role"
    for choice in UserRole:
        assert choice.value in str(caught.value)
    assert "not 'boss'" in str(caught.value)


def test_no_answer_loses_a_part_of_its_result() -> None:
    for binding in wire().bindings:
        result = binding.action.result_type()
        names = {field.name for field in msgspec.structs.fields(get_origin(result) or result)}
        whole = binding.answer_type is result
        assert whole or names == {"data", "success"}, binding.action.__name__
    assert wire().of(EnsureRoleAction).answer_type is EnsuredRole
