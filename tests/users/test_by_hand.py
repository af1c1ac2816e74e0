"""The user service put together by hand from its five parts, real ones and mocks."""

from typing import Any
from unittest.mock import MagicMock
from uuid import UUID, uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.compute.ports import AgentRegistry
from tenantry.errors import UserNotFound, UserPurgeFailure
from tenantry.jobs.actions import GetJobAction
from tenantry.kernel.action import SYSTEM, Origin, acting_as
from tenantry.kernel.modifier import TriState
from tenantry.kernel.monitor import ActionMonitor
from tenantry.kernel.transaction import Transaction
from tenantry.storage.actions import CreateVfolderAction
from tenantry.storage.ports import StorageManager
from tenantry.testing.agents import FakeAgents
from tenantry.testing.statistics import FakeStatistics
from tenantry.testing.storage import MemoryStorage, Trouble
from tenantry.usage.ports import ValkeyStatClient
from tenantry.users import leftovers, purge
from tenantry.users.actions import (
    AdminMonthStatsAction,
    CreateUserAction,
    DeleteUserAction,
    GetUserAction,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    PurgeUserAction,
    UserMonthStatsAction,
)
from tenantry.users.admin_repository import AdminUserRepository
from tenantry.users.model import UserCreator, UserData, UserModifier, UserStatus
from tenantry.users.processors import UserProcessors
from tenantry.users.repository import UserRepository
from tenantry.users.service import UserService
from tenantry.users.statistics import MonthStatsResult

pytestmark = pytest.mark.anyio


def parts_of(app: App) -> dict[str, Any]:
    names = UserService.__init__.__annotations__.keys() - {"return"}
    return {name: getattr(app, name) for name in names}


def processors_of(parts: dict[str, Any]) -> UserProcessors:
    return UserProcessors(user_service=UserService(**parts), action_monitors=[MagicMock()])


async def whole_life(processors: UserProcessors) -> None:
    """Everything that can be asked about a user, once."""
    creator = UserCreator(username="amy", email="amy@example.com", password="a sound passphrase")
    made = await processors.create_user.wait_for_complete(CreateUserAction(input=creator))
    assert (made.success, made.data.main_access_key is not None) == (True, True)
    modifier = UserModifier(full_name=TriState.update("Amy"))
    change = ModifyUserAction(email="amy@example.com", modifier=modifier)
    assert (await processors.modify_user.wait_for_complete(change)).data.full_name == "Amy"
    mine = await processors.user_month_stats.wait_for_complete(UserMonthStatsAction("amy"))
    everybody = await processors.admin_month_stats.wait_for_complete(AdminMonthStatsAction())
    assert len(mine.stats) == len(everybody.stats) == 2880
    first = await processors.list_users.wait_for_complete(ListUsersAction(limit=1))
    rest = ListUsersAction(cursor=first.next_cursor)
    assert (await processors.list_users.wait_for_complete(rest)).items
    rows = ImportUsersAction(users=[UserCreator(username="ben")])
    assert (await processors.import_users.wait_for_complete(rows)).rows[0].outcome == "created"
    gone = await processors.delete_user.wait_for_complete(DeleteUserAction("amy@example.com"))
    assert gone.data.status is UserStatus.DELETED
    last = PurgeUserAction(email="amy@example.com")
    assert (await processors.purge_user.wait_for_complete(last)).data.done
    with pytest.raises(UserNotFound):
        await processors.get_user.wait_for_complete(GetUserAction("amy@example.com"))


async def test_an_app_has_the_parts_that_are_promised(tenantry: App) -> None:
    assert isinstance(tenantry.users, UserProcessors)
    assert isinstance(tenantry.user_service, UserService)
    assert tenantry.action_monitors
    assert tenantry.settings.admin_user == "root"
    assert parts_of(tenantry).keys() == {
        "storage_manager",
        "valkey_stat_client",
        "agent_registry",
        "user_repository",
        "admin_user_repository",
    }


async def test_the_five_parts_of_an_app_are_all_that_it_takes(tenantry: App) -> None:
    await whole_life(processors_of(parts_of(tenantry)))


@pytest.mark.parametrize("shaped", [False, True])
async def test_storage_agents_and_valkey_may_be_mocks(tenantry: App, *, shaped: bool) -> None:
    ports = {
        "storage_manager": StorageManager,
        "agent_registry": AgentRegistry,
        "valkey_stat_client": ValkeyStatClient,
    }
    mocks = {name: MagicMock(spec=port) if shaped else MagicMock() for name, port in ports.items()}
    await whole_life(processors_of(parts_of(tenantry) | mocks))


async def test_repositories_may_be_mocks_that_say_what_a_test_wants(john: UserData) -> None:
    """No database: each answer is the one that the mock was given."""
    month = MonthStatsResult(stats=[])
    users, admin_users = MagicMock(spec=UserRepository), MagicMock(spec=AdminUserRepository)
    for begun in (users.database.transaction, users.database.autocommit):
        begun.return_value.__aenter__.return_value = MagicMock(spec=Transaction)
    users.find_tenant.return_value = john.tenant_id
    users.get.return_value = users.lock.return_value = john
    users.month_stats.return_value = month
    users.has_others.return_value = True
    admin_users.job.return_value = None
    parts = {
        "storage_manager": MagicMock(),
        "valkey_stat_client": MagicMock(),
        "agent_registry": MagicMock(),
        "user_repository": users,
        "admin_user_repository": admin_users,
    }
    processors = processors_of(parts)
    creator = UserCreator(username="john", password="a sound passphrase")
    made = await processors.create_user.wait_for_complete(CreateUserAction(input=creator))
    assert made.data == john
    assert users.insert.call_args.args[1]["username"] == "john"
    assert (await processors.get_user.wait_for_complete(GetUserAction(user="john"))).data == john
    modifier = UserModifier(full_name=TriState.update("Jo"))
    change = ModifyUserAction(user="john", modifier=modifier)
    assert (await processors.modify_user.wait_for_complete(change)).success
    assert users.update.call_args.args[2]["full_name"] == "Jo"
    await processors.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    assert users.update.call_args.args[2]["status"] == "deleted"
    mine = await processors.user_month_stats.wait_for_complete(UserMonthStatsAction("john"))
    assert mine is month
    admin_users.plan.side_effect = UserPurgeFailure("a folder is mounted")
    with pytest.raises(UserPurgeFailure):
        await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    admin_users.begin.assert_not_called()


async def test_the_whole_service_may_be_a_mock() -> None:
    service = MagicMock(spec=UserService)
    service.purge_user.side_effect = UserPurgeFailure("a folder is mounted")
    processors = UserProcessors(user_service=service, action_monitors=[])
    with pytest.raises(UserPurgeFailure):
        await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    for processor in vars(processors).values():
        handler = getattr(service, processor._handle._mock_name)
        assert handler is processor._handle


async def test_monitors_given_by_hand_see_every_run(tenantry: App) -> None:
    monitor = MagicMock(spec=ActionMonitor)
    service = UserService(**parts_of(tenantry))
    processors = UserProcessors(user_service=service, action_monitors=[monitor])
    await processors.list_users.wait_for_complete(ListUsersAction())
    with pytest.raises(UserNotFound):
        await processors.delete_user.wait_for_complete(DeleteUserAction(user="nobody"))
    told = [(call.args[0].tag, call.args[2].status) for call in monitor.done.await_args_list]
    assert told == [("user.list", "succeeded"), ("user.delete", "failed")]


class Outside:
    """Storage, agents and Valkey in memory, in which something of john is left behind."""

    def __init__(self) -> None:
        self.storage = MemoryStorage("local")
        self.agents = FakeAgents()
        self.samples = FakeStatistics()
        self.session_id = self.folder_id = UUID(int=0)

    def processors(self, app: App) -> UserProcessors:
        own = {
            "storage_manager": self.storage,
            "agent_registry": self.agents,
            "valkey_stat_client": self.samples,
        }
        return processors_of(parts_of(app) | own)


@pytest.fixture
async def outside(tenantry: App, john: UserData, owner: asyncpg.Connection) -> Outside:
    """Records say that all has ended, while another look at the outside finds it alive."""
    outside = Outside()
    session_id = uuid4()
    await owner.execute(
        "insert into agents values ('fake', 'x', 'alive', 1, 1, 0, now(), now())",
    )
    await owner.execute(
        "insert into compute_sessions (id, tenant_id, user_id, agent, name, kind, status, command,"
        " cpu, memory, created_at, started_at, ended_at) values ($1, $2, $3, 'fake', 'x', 'batch',"
        " 'terminated', '{x}', 1, 1, now(), now(), now())",
        session_id,
        john.tenant_id,
        john.id,
    )
    outside.agents.add_orphan("fake", session_id)
    await outside.samples.put_samples(await outside.agents.sample("fake"))
    with acting_as(john):
        made = await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction(name="data"))
    await outside.storage.create_folder("local", made.data.id)
    outside.storage.put("local", made.data.id, "secret.txt", 10)
    outside.session_id, outside.folder_id = session_id, made.data.id
    return outside


async def test_a_purge_looks_behind_the_records_and_removes_what_is_left(
    tenantry: App, outside: Outside
) -> None:
    processors = outside.processors(tenantry)
    receipt = await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert receipt.data.verified == {
        "compute_sessions": 1,
        "folders": 1,
        "samples": 1,
        "unreachable": [],
    }
    assert outside.agents.running() == set()
    assert not await outside.storage.folder_exists("local", outside.folder_id)
    assert await outside.samples.get_samples([outside.session_id]) == {}


async def test_who_asks_from_outside_is_answered_in_time_and_the_purge_goes_on(
    tenantry: App, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "ANSWER_SECONDS", 0.1)
    outside.storage.troubles["folder_exists"] = Trouble.HANG
    processors = outside.processors(tenantry)
    with acting_as(SYSTEM, Origin("http")):
        receipt = await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert (receipt.data.done, receipt.data.username) == (False, "john")
    again = await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert (again.data.done, again.data.job_id) == (False, receipt.data.job_id)
    await tenantry.job_service.close()
    assert await tenantry.user_service.purger.worker.run_next()
    job_id = receipt.data.job_id
    assert job_id is not None
    job = await tenantry.jobs.get_job.wait_for_complete(GetJobAction(job_id))
    assert (job.data.state, job.data.attempts) == ("done", 1)


@pytest.mark.parametrize("trouble", [*Trouble, None])
async def test_what_is_left_and_cannot_be_removed_keeps_the_purge_open(
    tenantry: App,
    outside: Outside,
    trouble: Trouble | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The storage fails, hangs or lies; without a trouble of its own the agent is stubborn."""
    monkeypatch.setattr(leftovers, "REMOVE_SECONDS", 0.1)
    if trouble is not None:
        outside.storage.troubles["delete_folder"] = trouble
    else:
        outside.agents.stubborn.add(outside.session_id)
    processors = outside.processors(tenantry)
    with pytest.raises(UserPurgeFailure, match="does not"):
        await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    user = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="john"))
    assert user.data.status is UserStatus.PURGING


@pytest.mark.parametrize("silent", [False, True])
async def test_what_cannot_be_reached_for_the_last_look_is_named_in_the_receipt(
    tenantry: App, outside: Outside, monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    monkeypatch.setattr(leftovers, "ANSWER_SECONDS", 0.1)
    outside.storage.troubles["folder_exists"] = Trouble.HANG if silent else Trouble.FAIL
    (outside.agents.hanging if silent else outside.agents.away).add("fake")
    outside.samples.away = True
    processors = outside.processors(tenantry)
    receipt = await processors.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert receipt.data.verified == {
        "compute_sessions": 0,
        "folders": 0,
        "samples": 0,
        "unreachable": ["agent fake", "storage local", "valkey"],
    }
