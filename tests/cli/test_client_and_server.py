"""The client of the SDK against a real server."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenantry import errors
from tenantry.sdk import AccountManager, Client

from .conftest import Server

FreshName = Callable[[], str]


@pytest.fixture
def manager(server: Server) -> Iterator[AccountManager]:
    with Client(*server.params) as client:
        yield client.account


def test_a_user_lives_a_whole_life(manager: AccountManager, fresh_name: FreshName) -> None:
    name = fresh_name()
    made = manager.create_user(
        name, "four words in a row", f"{name}@example.org", full_name="Jane", badge=7
    )
    assert (made.username, made.attributes, made.status) == (name, {"badge": 7}, "active")
    assert manager.get_user(name) == made
    changed = manager.update_user(name, department="R&D", full_name=None)
    assert (changed.department, changed.full_name, changed.email) == ("R&D", None, made.email)
    with pytest.raises(errors.VersionConflict):
        manager.update_user(name, department="late", version=made.version)
    assert manager.update_user_status(name, "suspended").status == "suspended"
    manager.change_password(name, "five words in a row now")
    assert manager.soft_delete_user(name).status == "deleted"
    assert manager.restore_user(name).status == "active"
    assert [user.username for user in manager.search_users(name, department="R&D")] == [name]
    assert not manager.search_users(name, department="Sales")


def test_errors_have_their_own_classes(manager: AccountManager, fresh_name: FreshName) -> None:
    name = fresh_name()
    manager.create_user(name)
    with pytest.raises(errors.UserConflict) as caught:
        manager.create_user(name.upper())
    assert caught.value.field == "username"
    with pytest.raises(errors.AccountError):
        manager.create_user(fresh_name(), "password123")
    with pytest.raises(errors.UserNotFound):
        manager.update_user(fresh_name(), phone="1")
    assert manager.get_user(fresh_name()) is None


def test_a_list_is_complete(manager: AccountManager, fresh_name: FreshName) -> None:
    names = {fresh_name() for _ in range(3)}
    for name in names:
        manager.create_user(name)
    listed = [user.username for user in manager.list_users()]
    assert names <= set(listed)
    assert len(listed) == len(set(listed))


def test_32_threads_share_a_manager(manager: AccountManager, fresh_name: FreshName) -> None:
    names = [fresh_name() for _ in range(32)]

    def live(name: str) -> tuple[str | None, str]:
        manager.create_user(name, department="before")
        manager.update_user(name, department="after")
        found = manager.get_user(name)
        assert found is not None
        return found.department, manager.whoami().username

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(live, names)) == {("after", "root")}


def test_the_own_password_is_changed_and_work_goes_on(
    server: Server, manager: AccountManager, fresh_name: FreshName
) -> None:
    name = fresh_name()
    manager.create_user(name, "four words in a row")
    host, port, _, _, database = server.params
    with Client(host, port, name, "four words in a row", database) as client:
        with pytest.raises(errors.PermissionError):
            client.account.change_password(name, "five words in a row now")
        client.account.change_password(
            name, "five words in a row now", current_password="four words in a row"
        )
        assert client.account.whoami().username == name
