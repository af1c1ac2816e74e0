import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tenantry.config import ConnectionParams, write_connection
from tenantry.errors import AccountError, ConnectionError, InvalidCredentials
from tenantry.sdk import Client

from .conftest import USER, FakeServer


def client_of(fake: FakeServer, password: str = "right") -> Client:
    return Client("127.0.0.1", fake.port, "root", password, "tenantry")


def portals() -> int:
    return sum(thread.name == "tenantry-client" for thread in threading.enumerate())


def test_the_account_manager_is_there_once_connected(fake: FakeServer) -> None:
    client = client_of(fake)
    with pytest.raises(ConnectionError, match=r"call connect\(\) first"):
        _ = client.account
    client.connect()
    assert client.account is client.account
    assert client.account.whoami().username == "john"
    client.close()
    with pytest.raises(ConnectionError, match=r"call connect\(\) first"):
        _ = client.account


def test_connecting_says_nothing_to_the_server(fake: FakeServer) -> None:
    with client_of(fake):
        pass
    assert (fake.logins, fake.connections) == (0, 0)


def test_connecting_again_with_the_same_parameters_does_nothing(fake: FakeServer) -> None:
    params = ("127.0.0.1", fake.port, "root", "right", "tenantry")
    with Client(*params) as client:
        client.connect(*params)
        client.account.whoami()
        client.connect(*params).account.whoami()
        client.connect(host="127.0.0.1", port=fake.port, user="root", password="right")
        client.account.whoami()
    assert fake.logins == 1


def test_connecting_with_other_parameters_is_a_new_connection(fake: FakeServer) -> None:
    with client_of(fake) as client:
        manager = client.account
        manager.whoami()
        client.connect(user="somebody")
        assert client.account is manager
        with pytest.raises(InvalidCredentials):
            manager.whoami()  # the password was root's and is not sent as somebody's
        client.connect(user="somebody", password="right")
        manager.whoami()
    assert fake.logins == 3


def test_closing_twice_is_closing_once_and_ends_the_session(fake: FakeServer) -> None:
    client = client_of(fake)
    client.close()
    client.connect()
    manager = client.account
    manager.whoami()
    client.close()
    client.close()
    assert [asked.path for asked in fake.asked] == ["/api/v1/me", "/api/v1/logout"]
    with pytest.raises(ConnectionError, match=r"call connect\(\) first"):
        manager.whoami()


def test_no_password_shows(fake: FakeServer) -> None:
    with client_of(fake, "hush-hush") as client, pytest.raises(InvalidCredentials) as caught:
        client.account.whoami()
    assert "hush-hush" not in f"{client!r} {client.__dict__!r} {caught.value!r} {caught.value}"
    assert "root" in repr(client)


def test_what_is_not_given_is_found(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_PORT", str(fake.port))
    monkeypatch.setenv("TENANTRY_PASSWORD", "right")
    with Client() as client:
        assert client.account.whoami().username == "john"


def test_a_password_that_was_found_goes_to_no_other_server(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTRY_DATA_DIR", str(tmp_path))
    write_connection(tmp_path, ConnectionParams(password="of the local root"))
    fake.password = "of the local root"
    with Client(port=fake.port) as client, pytest.raises(InvalidCredentials):
        client.account.whoami()


def test_a_manager_outlives_its_client(fake: FakeServer) -> None:
    before = portals()
    manager = client_of(fake).connect().account
    gc.collect()
    assert manager.whoami().username == "john"
    assert portals() == before + 1
    del manager
    gc.collect()
    deadline = time.monotonic() + 5
    while portals() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert portals() == before


def test_connections_are_used_again(fake: FakeServer) -> None:
    with client_of(fake) as client:
        for _ in range(50):
            client.account.whoami()
    assert (fake.connections, fake.logins) == (1, 1)


def test_32_threads_share_a_client_and_one_login(fake: FakeServer) -> None:
    fake.login_seconds = 0.1
    with client_of(fake) as client, ThreadPoolExecutor(32) as pool:
        start = threading.Barrier(32)

        def ask(_: int) -> set[str]:
            start.wait()
            return {client.account.whoami().username for _ in range(10)}

        assert set().union(*pool.map(ask, range(32))) == {"john"}
        assert fake.logins == 1
        fake.end_sessions()
        assert set().union(*pool.map(ask, range(32))) == {"john"}
        assert fake.logins == 2


def test_a_wrong_password_of_32_threads_is_one_attempt(fake: FakeServer) -> None:
    fake.login_seconds = 0.2
    with client_of(fake, "wrong") as client, ThreadPoolExecutor(32) as pool:
        start = threading.Barrier(32)

        def ask(_: int) -> type[Exception] | None:
            start.wait()
            try:
                client.account.whoami()
            except InvalidCredentials as error:
                return type(error)
            return None

        assert set(pool.map(ask, range(32))) == {InvalidCredentials}
    assert fake.logins == 1


def test_closing_ends_the_calls_that_wait(fake: FakeServer) -> None:
    fake.login_seconds = 1.0
    client = client_of(fake).connect()
    manager = client.account
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(manager.whoami)
        time.sleep(0.2)
        client.close()
        with pytest.raises(ConnectionError, match="closed during the call"):
            waiting.result(5)


def test_a_token_stands_for_a_login(fake: FakeServer) -> None:
    fake.tokens.add("given")
    with Client("127.0.0.1", fake.port, token="given") as client:
        assert client.account.whoami().username == USER["username"]
    assert fake.logins == 0


def test_every_refusal_is_an_account_error(fake: FakeServer) -> None:
    with client_of(fake) as client, pytest.raises(AccountError):
        client.account.search_users(departmnt="Engineering")
