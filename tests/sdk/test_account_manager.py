import inspect
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tenantry.errors import InvalidInput
from tenantry.sdk import AccountManager, AsyncAccountManager, Client

from .conftest import USER, FakeServer, page


@pytest.fixture
def manager(fake: FakeServer) -> Iterator[AccountManager]:
    with Client("127.0.0.1", fake.port, "root", "right") as client:
        yield client.account


def fields(error: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [violation.field for violation in error.value.violations]


def test_creating_sends_what_was_said_and_the_rest_as_attributes(
    fake: FakeServer, manager: AccountManager
) -> None:
    manager.create_user("john", "secret", "j@example.org", phone="+1", role="monitor", badge=7)
    assert fake.asked[0].body == {
        "username": "john",
        "password": "secret",
        "email": "j@example.org",
        "phone": "+1",
        "role": "monitor",
        "attributes": {"badge": 7},
    }


def test_roles_are_a_list_of_names_in_whatever_collection(
    fake: FakeServer, manager: AccountManager
) -> None:
    manager.create_user("john", roles=("reader", "writer"))
    assert fake.asked[0].body["roles"] == ["reader", "writer"]
    for wrong in ("reader", [7]):
        with pytest.raises(InvalidInput) as caught:
            manager.create_user("john", roles=wrong)  # type: ignore[arg-type]  # on purpose
        assert fields(caught)[0].startswith("roles")
    assert len(fake.asked) == 1


def test_attributes_can_be_named_as_such_too(fake: FakeServer, manager: AccountManager) -> None:
    manager.create_user("john", attributes={"site": "Berlin"}, badge=7)
    assert fake.asked[0].body["attributes"] == {"site": "Berlin", "badge": 7}


@pytest.mark.parametrize("name", ["groups", "id", "created_at", "_x", "a b", "uuid", "tenant"])
def test_an_attribute_cannot_take_a_reserved_name(
    fake: FakeServer, manager: AccountManager, name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.create_user("john", **{name: "x"})
    assert fields(caught) == [name]
    assert fake.asked == []


def test_wrong_values_are_all_named_before_anything_is_sent(
    fake: FakeServer, manager: AccountManager
) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.create_user("john", role="king", status="sleepy")
    assert sorted(fields(caught)) == ["role", "status"]
    assert fake.asked == []


@pytest.mark.parametrize("given", ["SELECT", None])
def test_privileges_that_are_no_list_are_never_taken_for_letters(
    fake: FakeServer, manager: AccountManager, given: Any
) -> None:
    for call in (manager.grant_database_access, manager.revoke_permissions):
        with pytest.raises(InvalidInput, match="expected array") as caught:
            call("john", "sales", permissions=given)
        assert fields(caught) == ["permissions"]
    assert fake.asked == []


@pytest.mark.parametrize("question", [("john", "SELECT"), "john", None])
def test_a_question_that_is_none_is_named(
    fake: FakeServer, manager: AccountManager, question: Any
) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.check_permissions([{"username": "john", "permission": "SELECT"}, question])
    assert fields(caught) == ["questions[1]"]
    assert fake.asked == []


def test_a_user_who_is_not_there_is_none(fake: FakeServer, manager: AccountManager) -> None:
    fake.answers.append((200, b"null"))
    assert manager.get_user("nobody") is None
    found = manager.get_user("john")
    assert found is not None
    assert found.username == "john"


def test_a_list_is_complete_and_fetched_while_walked(
    fake: FakeServer, manager: AccountManager
) -> None:
    fake.answers += [page(["a", "b"], "1"), page(["c"], "2"), page(["d"], None)]
    users = manager.list_users()
    walk = iter(users)
    assert [next(walk).username, next(walk).username] == ["a", "b"]
    assert len(fake.asked) == 1
    assert [user.username for user in walk] == ["c", "d"]
    assert [asked.query.get("cursor") for asked in fake.asked] == [None, "1", "2"]


def test_a_list_can_be_walked_twice(fake: FakeServer, manager: AccountManager) -> None:
    fake.answers += [page(["a"], "1"), page(["b"], None), page(["b"], None)]
    users = manager.list_users()
    assert [u.username for u in users] == [u.username for u in users] == ["a", "b"]


def test_an_empty_list_is_false(fake: FakeServer, manager: AccountManager) -> None:
    fake.answers += [page([], None), page(["a"], None)]
    assert not manager.search_users("nobody")
    assert manager.search_users("a")


def test_searching_asks_for_all_criteria(fake: FakeServer, manager: AccountManager) -> None:
    fake.answers.append(page([], None))
    since = datetime(2026, 1, 1)  # noqa: DTZ001 - without a zone it is local time
    manager.search_users("jo", department="R&D", status="active", created_from=since)
    body = fake.asked[0].body
    assert body.pop("created_from").startswith("202")
    assert body == {"text": "jo", "department": "R&D", "status": "active", "limit": 200}


@pytest.mark.parametrize("name", ["departmnt", "limit", "cursor", "roles"])
def test_a_criterion_that_nobody_defines_is_an_error(
    fake: FakeServer, manager: AccountManager, name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.search_users(**{name: "x"})  # type: ignore[arg-type]  # a wrong name is the point
    assert fields(caught) == [name]
    assert fake.asked == []


def test_updating_sends_what_was_named_and_none_clears(
    fake: FakeServer, manager: AccountManager
) -> None:
    manager.update_user("john", email=None, department="Product", version=3)
    asked = fake.asked[0]
    assert (asked.method, asked.path) == ("PATCH", "/api/v1/users/john")
    assert asked.body == {"email": None, "department": "Product", "version": 3}


def test_what_has_a_call_of_its_own_is_not_updated_here(
    fake: FakeServer, manager: AccountManager
) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.update_user("john", password="x", status="active", roles=[])
    assert sorted(fields(caught)) == ["password", "roles", "status"]
    for call in ("change_password()", "assign_roles()", "remove_role()", "update_user_status()"):
        assert call in str(caught.value)
    with pytest.raises(InvalidInput, match="departmnt: is not known here; did you mean department"):
        manager.update_user("john", departmnt="x")
    assert fake.asked == []


@pytest.mark.parametrize("status", ["deleted", "frozen", "asleep", ""])
def test_only_a_real_status_can_be_set(
    fake: FakeServer, manager: AccountManager, status: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        manager.update_user_status("john", status)
    assert fields(caught) == ["status"]
    assert fake.asked == []


def test_status_password_deletion_and_restoring_have_calls_of_their_own(
    fake: FakeServer, manager: AccountManager
) -> None:
    manager.update_user_status("john", "suspended")
    manager.change_password("john", "new-secret")
    manager.soft_delete_user("john")
    manager.restore_user("john")
    assert [(asked.method, asked.path, asked.body) for asked in fake.asked] == [
        ("PATCH", "/api/v1/users/john", {"status": "suspended"}),
        ("PUT", "/api/v1/users/john/password", {"new_password": "new-secret"}),
        ("DELETE", "/api/v1/users/john", None),
        ("POST", "/api/v1/users/john/restore", {}),
    ]


def test_the_own_password_is_changed_with_the_current_one(
    fake: FakeServer, manager: AccountManager
) -> None:
    with pytest.raises(InvalidInput, match="own password only"):
        manager.change_password("somebody", "new", current_password="right")
    answer = {"success": True, "user": USER, "session_token": "next", "expires_at": None}
    fake.answers += [(200, {"user": USER, "only": None}), (200, answer)]
    manager.change_password("JOHN", "new", current_password="right")
    assert fake.asked[-1].path == "/api/v1/me/password"
    assert fake.asked[-1].body == {"current_password": "right", "new_password": "new"}


def test_the_two_managers_have_the_same_methods_with_the_same_signatures() -> None:
    blocking = {n for n in vars(AccountManager) if not n.startswith("_")}
    linking = {"portal", "operations"}  # how a manager reaches its client
    telling = {"last_version"}  # which no server is asked for
    originals = dict(inspect.getmembers(AsyncAccountManager, inspect.iscoroutinefunction))
    assert blocking - linking - telling == {n for n in originals if not n.startswith("_")}
    for name in telling:
        method, original = getattr(AccountManager, name), getattr(AsyncAccountManager, name)
        assert method.__doc__ == original.__doc__
    for name in blocking - linking - telling:
        method = getattr(AccountManager, name)
        assert inspect.signature(method) == inspect.signature(originals[name])
        assert method.__doc__ == originals[name].__doc__
        assert not inspect.iscoroutinefunction(method)


def test_no_noun_redefines_what_another_has() -> None:
    seen: set[str] = set()
    for noun in AsyncAccountManager.__bases__:
        own = {n for n in vars(noun) if not n.startswith("__")}
        assert not own & seen, noun
        seen |= own
