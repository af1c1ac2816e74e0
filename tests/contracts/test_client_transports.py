"""One suite on both ways from a client to its installation: over HTTP, and within the process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import anyio
import pytest

from tenantry import AsyncClient, Client, errors
from tenantry.sdk import AccountManager
from tenantry.settings import Settings
from tenantry.testing.users import PASSWORD
from tests.installation import TRANSPORTS, Installation, installed


@pytest.fixture(params=TRANSPORTS)
def installation(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    with installed(request.param, settings, monkeypatch) as made:
        yield made


@pytest.fixture
def manager(installation: Installation) -> Iterator[AccountManager]:
    with Client(*installation.params) as client:
        yield client.account


def test_a_user_lives_a_whole_life(manager: AccountManager) -> None:
    made = manager.create_user("lena", PASSWORD, "lena@example.org", badge=7)
    assert (made.attributes, made.status, made.last_login) == ({"badge": 7}, "active", None)
    assert isinstance(made.created_at, datetime)
    assert manager.get_user("lena") == made
    changed = manager.update_user("lena", department="R&D", email=None)
    assert (changed.department, changed.email, changed.version) == ("R&D", None, 2)
    assert manager.soft_delete_user("lena").status == "deleted"
    assert manager.restore_user("lena").is_active
    assert [user.username for user in manager.list_users()] == ["lena", "root"]


def test_an_error_is_the_same_class_with_the_same_words(manager: AccountManager) -> None:
    manager.create_user("lena")
    with pytest.raises(errors.UserConflict) as conflict:
        manager.create_user("LENA")
    assert (conflict.value.field, conflict.value.code) == ("username", "user_conflict")
    with pytest.raises(errors.PasswordRejected) as rejected:
        manager.change_password("lena", "short")
    assert rejected.value.violations
    with pytest.raises(errors.UserNotFound, match="There is no such user"):
        manager.update_user("nobody", phone="1")
    with pytest.raises(errors.InvalidInput, match="NUL"):
        manager.update_user("lena", description="a\0b")
    assert manager.get_user("nobody") is None


def test_whoever_logs_in_may_do_what_that_user_may(
    installation: Installation, manager: AccountManager
) -> None:
    manager.create_user("lena", PASSWORD)
    host, port = installation.params[:2]
    with Client(host, port, "lena", PASSWORD) as client:
        assert client.account.whoami().username == "lena"
        with pytest.raises(errors.PermissionError):
            client.account.create_user("mika")
    with Client(host, port, "lena", "wrong") as client:
        with pytest.raises(errors.InvalidCredentials):
            client.account.create_user("mika")
        with pytest.raises(errors.InvalidCredentials):
            client.account.get_user("lena")
    assert manager.get_user("mika") is None


def test_a_token_that_is_none_is_nobody_and_never_the_system(installation: Installation) -> None:
    host, port = installation.params[:2]
    with Client(host, port, token="forged") as client:
        with pytest.raises(errors.NotAuthenticated):
            client.account.create_user("mika")
        with pytest.raises(errors.NotAuthenticated):
            client.account.whoami()


def test_a_restricted_user_gets_in_from_no_other_address(
    installation: Installation, manager: AccountManager
) -> None:
    manager.create_user("lena", PASSWORD, allowed_client_ip=["192.0.2.7"])
    host, port = installation.params[:2]
    with Client(host, port, "lena", PASSWORD) as client, pytest.raises(errors.InvalidCredentials):
        client.account.whoami()


def test_32_threads_read_and_write_without_a_lock(manager: AccountManager) -> None:
    def live(number: int) -> str:
        name = f"user{number}"
        manager.create_user(name, department="before")
        for user in manager.search_users(name):
            assert user.username.startswith(name)
        manager.update_user(name, department=f"after {number}")
        found = manager.get_user(name)
        assert found is not None
        return found.department or ""

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(live, range(64))) == [f"after {n}" for n in range(64)]
    assert len(list(manager.list_users())) == 65


def test_the_session_ends_with_the_client(installation: Installation) -> None:
    with Client(*installation.params) as client:
        client.account.whoami()
        assert _live_sessions(installation) == 1
    assert _live_sessions(installation) == 0


def test_the_asynchronous_client_is_the_same(installation: Installation) -> None:
    async def main() -> list[str]:
        async with AsyncClient(*installation.params) as client:
            async with anyio.create_task_group() as tasks:
                for number in range(8):
                    tasks.start_soon(client.account.create_user, f"user{number}")
            return [user.username async for user in await client.account.list_users()]

    assert anyio.run(main) == ["root", *(f"user{n}" for n in range(8))]


def test_reconnecting_while_calls_are_under_way_loses_none(installation: Installation) -> None:
    host, port, user, password, _ = installation.params
    with Client(*installation.params) as client, ThreadPoolExecutor(16) as pool:
        manager = client.account
        manager.create_user("lena", PASSWORD, role="superadmin")
        made = [pool.submit(manager.create_user, f"user{n}") for n in range(48)]
        client.connect(user="lena", password=PASSWORD)
        assert manager.whoami().username == "lena"
        client.connect(host, port, user, password)
        assert {done.result().username for done in made} == {f"user{n}" for n in range(48)}
        assert manager.whoami().username == "root"


def _live_sessions(installation: Installation) -> int:
    import asyncio

    import asyncpg

    async def count() -> int:
        owner = await asyncpg.connect(installation.settings.migration_database_url)
        try:
            return int(await owner.fetchval("select count(*) from sessions where ended_at is null"))
        finally:
            await owner.close()

    return asyncio.run(count())
