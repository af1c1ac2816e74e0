"""One client of a whole installation, shared by many threads, tasks and ten thousand calls."""

import asyncio
import gc
import inspect
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tenantry import AccountManager, AsyncAccountManager, AsyncClient, Client
from tenantry.errors import InvalidInput, UserConflict
from tenantry.sdk.client import BaseClient
from tenantry.settings import Settings
from tenantry.testing.users import PASSWORD
from tests.installation import TRANSPORTS, Installation, installed

THREADS = 32


@pytest.fixture(params=TRANSPORTS)
def installation(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    with installed(request.param, settings, monkeypatch) as made:
        yield made


def test_32_threads_share_a_client_and_no_answer_goes_astray(installation: Installation) -> None:
    start = threading.Barrier(THREADS)
    with Client(*installation.params) as client, ThreadPoolExecutor(THREADS) as pool:
        account = client.account

        def work(number: int) -> str:
            """Make a user, change it, ask for it, and meet the others at one name."""
            name = f"worker{number}"
            start.wait()
            account.create_user(name, None, f"{name}@example.org", badge=number)
            updated = account.update_user(name, department=f"room {number}")
            found = account.get_user(name)
            assert found == updated
            assert (found.username, found.badge) == (name, number)
            assert [
                user.username for user in account.search_users(department=found.department)
            ] == [name]
            with pytest.raises(InvalidInput):
                account.search_users(departmnt="x")
            try:
                return account.create_user("Contested").username
            except UserConflict as conflict:
                return f"{conflict.field} is taken"

        ends = list(pool.map(work, range(THREADS)))
        assert sorted(ends) == ["Contested"] + ["username is taken"] * (THREADS - 1)
        everybody = [user.username for user in account.list_users()]
        assert len(everybody) == THREADS + 2
        logins = list(account.get_audit_logs("root", action="login"))
    assert len(logins) == 1


def test_tasks_share_an_asynchronous_client_likewise(installation: Installation) -> None:
    async def work(account: AsyncAccountManager, number: int) -> None:
        name = f"task{number}"
        await account.create_user(name, badge=number)
        found = await account.get_user(name)
        assert found is not None
        assert (found.username, found.badge) == (name, number)

    async def main() -> list[str]:
        async with AsyncClient(*installation.params) as client:
            await asyncio.gather(*(work(client.account, number) for number in range(THREADS)))
            logins = await client.account.get_audit_logs("root", action="login")
            return [entry.actor async for entry in logins]

    assert len(asyncio.run(main())) == 1


def test_threads_log_people_in_without_a_lock(installation: Installation) -> None:
    with Client(*installation.params) as client, ThreadPoolExecutor(8) as pool:
        account = client.account
        names = [f"person{number}" for number in range(8)]
        for name in names:
            account.create_user(name, PASSWORD)
        tried = [(name, word) for name in names for word in (PASSWORD, "not this one")]
        results = list(pool.map(lambda attempt: account.authenticate(*attempt), tried))
    for (name, word), result in zip(tried, results, strict=True):
        assert result.success is (word == PASSWORD)
        assert (result.user.username if result.user else None) == (name if result.success else None)
    assert len({result.session_token for result in results if result.success}) == len(names)


async def held() -> dict[str, int]:
    """What this process holds that a call could leave behind."""
    gc.collect()
    process = psutil.Process()
    return {
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        "files": process.num_fds(),
        "objects": len(gc.get_objects()),
        "memory": process.memory_info().rss,
    }


def test_ten_thousand_calls_in_process_leave_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over HTTP and through the portal, ``test_endurance`` has the same."""
    caplog.set_level(logging.WARNING)  # What pytest keeps of the log is not what calls leave.

    async def ask(account: AsyncAccountManager, calls: int) -> None:
        for _ in range(calls // 20):
            nobody = account.get_user("nobody")
            garbage = (account.validate_session("tny_s_" + "A" * 86) for _ in range(19))
            assert not any(await asyncio.gather(nobody, *garbage))

    async def main(installation: Installation) -> dict[str, int]:
        async with AsyncClient(*installation.params) as client:
            await ask(client.account, 500)
            before = await held()
            await ask(client.account, 10_000)
            return {name: count - before[name] for name, count in (await held()).items()}

    with installed("embedded", settings, monkeypatch) as installation:
        grown = asyncio.run(main(installation))
    assert grown["threads"] <= 0
    assert grown["tasks"] <= 0
    assert grown["files"] <= 4
    assert grown["objects"] < 2_000
    assert grown["memory"] < 20 * 2**20


def public(kind: type) -> dict[str, Callable[..., object]]:
    found = inspect.getmembers(
        kind, lambda member: callable(member) or isinstance(member, property)
    )
    return {name: member for name, member in found if not name.startswith("_")}


def test_both_clients_have_one_surface() -> None:
    blocking, awaiting = public(Client), public(AsyncClient)
    assert blocking.keys() == awaiting.keys()
    for name, member in blocking.items():
        if not isinstance(member, property):
            assert inspect.signature(member) == inspect.signature(awaiting[name]), name
            assert member.__doc__ == awaiting[name].__doc__, name
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    assert public(BaseClient).keys() < blocking.keys()


def test_no_blocking_method_is_written_by_hand() -> None:
    """Each is the asynchronous one, run elsewhere; there is no second copy to fall behind."""
    linking = {"portal", "operations"}
    for name, method in public(AccountManager).items():
        if name not in linking and not isinstance(method, property):
            original = inspect.unwrap(method)
            assert original is getattr(AsyncAccountManager, name), name
            assert inspect.iscoroutinefunction(original), name


def test_what_is_looked_up_without_waiting_is_the_same_in_both() -> None:
    """A property waits for nothing, so that the blocking manager asks the other one for it."""
    looked_up = {name for name, m in public(AccountManager).items() if isinstance(m, property)}
    for name in looked_up - {"portal", "operations"}:
        assert isinstance(getattr(AsyncAccountManager, name), property), name
