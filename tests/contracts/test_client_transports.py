"""One suite on both ways from a client to its installation: over HTTP, and within the process."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import anyio
import anyio.lowlevel
import asyncpg
import psutil
import pyotp
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


def test_groups_have_members(manager: AccountManager) -> None:
    manager.create_user("lena")
    group = manager.create_group("readers", "Those who read")
    assert manager.get_group("readers") == group
    assert manager.get_group("writers") is None
    assert manager.add_group_member("readers", "lena") is True
    assert manager.add_group_member("readers", "lena") is False
    assert [member.username for member in manager.get_group_members("readers")] == ["lena"]
    assert [found.name for found in manager.list_groups("lena")] == ["readers"]
    renamed = manager.update_group("readers", name="viewers", version=group.version)
    assert (renamed.id, renamed.name, renamed.description) == (
        group.id,
        "viewers",
        "Those who read",
    )
    with pytest.raises(errors.InvalidInput, match="colour"):
        manager.update_group("viewers", colour="red")
    assert manager.remove_group_member("viewers", "lena") is True
    assert manager.delete_group("viewers").name == "viewers"
    assert not manager.list_groups()


def test_a_client_may_use_an_access_key_for_its_token(
    installation: Installation, manager: AccountManager
) -> None:
    issued = manager.issue_access_key(name="reports", scope="read_only")
    host, port = installation.params[:2]
    with Client(host, port, token=issued.token) as client:
        assert client.account.whoami().username == "root"
        with pytest.raises(errors.PermissionError):
            client.account.create_user("mika")
        manager.deactivate_access_key(issued.key.access_key)
        with pytest.raises(errors.NotAuthenticated):
            client.account.whoami()
    assert manager.activate_access_key(issued.key.access_key).is_active
    changed = manager.update_access_key(issued.key.access_key, name=None)
    assert (changed.name, changed.is_main) == (None, False)
    assert len(list(manager.list_access_keys("root"))) == 2
    manager.revoke_access_key(issued.key.access_key)
    assert manager.get_access_key(issued.key.access_key) is None
    with pytest.raises(errors.InvalidInput, match="scope"):
        manager.issue_access_key(scope="everything")


def test_a_second_factor_is_given_at_login(
    installation: Installation, manager: AccountManager
) -> None:
    manager.create_user("lena", PASSWORD)
    host, port = installation.params[:2]
    with Client(host, port, "lena", PASSWORD) as client:
        enrolled = client.account.enrol_second_factor(PASSWORD)
        totp = pyotp.TOTP(enrolled.secret)
        codes = client.account.prove_second_factor(totp.now()).recovery_codes
        assert client.account.whoami().totp_activated  # with the session that proving has opened
    with (
        Client(host, port, "lena", PASSWORD) as client,
        pytest.raises(errors.AuthenticationError, match="totp_code"),
    ):
        client.account.whoami()
    with Client(host, port, "lena", PASSWORD, totp_code=codes[0]) as client:
        assert client.account.whoami().username == "lena"
    with Client(host, port, "lena", PASSWORD, totp_code=codes[0]) as client:
        for _ in range(2):  # a code is sent once; the next login has none to send
            with pytest.raises(errors.AuthenticationError):
                client.account.whoami()
    asked: list[str] = []

    def ask() -> str:
        asked.append(codes[1])
        return codes[len(asked)]

    with Client(host, port, "lena", "wrong", totp_code=ask) as client:
        with pytest.raises(errors.InvalidCredentials):
            client.account.whoami()
        assert asked == []  # who does not know the password is not asked for a code
        client.connect(password=PASSWORD)
        with pytest.raises(errors.AuthenticationError, match="totp_code"):
            client.account.whoami()  # the code was somebody's who had another password
    with Client(host, port, "lena", PASSWORD, totp_code=ask) as client:
        assert client.account.whoami().username == "lena"
    assert len(asked) == 1


def test_a_code_may_be_asked_for_asynchronously(
    installation: Installation, manager: AccountManager
) -> None:
    manager.create_user("lena", PASSWORD)
    host, port = installation.params[:2]

    async def main() -> str:
        async with AsyncClient(host, port, "lena", PASSWORD) as client:
            enrolled = await client.account.enrol_second_factor(PASSWORD)
            totp = pyotp.TOTP(enrolled.secret)
            codes = (await client.account.prove_second_factor(totp.now())).recovery_codes

        async def ask() -> str:
            await anyio.lowlevel.checkpoint()
            return codes[0]

        async with AsyncClient(host, port, "lena", PASSWORD, totp_code=ask) as client:
            return (await client.account.whoami()).username

    assert anyio.run(main) == "lena"


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


def test_a_thousand_calls_leave_nothing_behind(manager: AccountManager) -> None:
    process = psutil.Process()

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    def held() -> tuple[int, int, int, int]:
        gc.collect()
        running = manager.portal.run(tasks)
        return threading.active_count(), running, process.num_fds(), len(gc.get_objects())

    with ThreadPoolExecutor(8) as pool:

        def ask(calls: int) -> None:
            for found in pool.map(lambda _: manager.get_user("root"), range(calls)):
                assert found is not None

        ask(200)
        before = held()
        ask(1_000)
        after = held()
    spare = (4, 2, 8, 1_000)  # workers and connections that a pool may add
    assert all(then <= now + more for now, then, more in zip(before, after, spare, strict=True))


def _live_sessions(installation: Installation) -> int:
    async def count() -> int:
        owner = await asyncpg.connect(installation.settings.migration_database_url)
        try:
            sql = "select count(*) from sessions where ended_at is null"
            return int(await owner.fetchval(sql))
        finally:
            await owner.close()

    return asyncio.run(count())
