"""Usage put together over a real database; agents, Valkey and the time do what a test says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.kernel.clock import uuid7
from tenantry.testing.agents import FakeAgents
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.statistics import FakeStatistics
from tenantry.usage.collector import UsageCollector
from tenantry.usage.model import BIN, bin_of
from tenantry.usage.ports import ValkeyStatClient
from tenantry.usage.repository import UsageRepository
from tenantry.users.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.users.model import UserData
from tenantry.users.processors import UserProcessors
from tenantry.users.service import UserService
from tenantry.users.statistics import MonthStatsResult, UsageBin

AGENT = "one"


class SetClock(ShiftedClock):
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.edge = bin_of(datetime.now(UTC).timestamp())
        """The start of the bin in which the test begins."""
        self.at(0)

    def at(self, seconds: float) -> datetime:
        """Set it to so many seconds after the edge."""
        self.moment = datetime.fromtimestamp(self.edge + seconds, UTC)
        return self.moment

    def now(self) -> datetime:
        return self.moment

    def advance(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@dataclass
class Usage:
    """The slice, and everything around it that a test may want to turn."""

    clock: SetClock
    owner: asyncpg.Connection
    agents: FakeAgents
    valkey: Any  # Any: the fake, which tests turn, or a real client
    collector: UsageCollector
    another: UsageCollector
    processors: UserProcessors
    app: App

    async def session(
        self,
        user: UserData,
        started: float,
        ended: float | None = None,
        *,
        cpu: int = 1,
        memory: int = 2**30,
        gpu: float = 0.0,
        io: tuple[int, int, int] | None = (0, 0, 0),
    ) -> UUID:
        """A session on record, in seconds after the edge; a running one runs on the agent, too.

        ``io`` is what an ended one had read, written and had on disk in the end.
        """
        start = datetime.fromtimestamp(self.clock.edge + started, UTC)
        end = None if ended is None else datetime.fromtimestamp(self.clock.edge + ended, UTC)
        session_id = uuid7(start)
        last = io if ended is not None and io is not None else (None, None, None)
        await self.owner.execute(
            "insert into compute_sessions (id, tenant_id, user_id, agent, name, kind, status,"
            " command, cpu, memory, gpu, created_at, started_at, ended_at, io_read_bytes,"
            " io_write_bytes, disk_bytes) values ($1, $2, $3, 'one', 'x', 'batch', $4, '{x}',"
            " $5, $6, $7, $8, $8, $9, $10, $11, $12)",
            session_id,
            user.tenant_id,
            user.id,
            "running" if end is None else "terminated",
            cpu,
            memory,
            gpu,
            start,
            end,
            *last,
        )
        if end is None:
            self.agents.add_orphan(AGENT, session_id)
        return session_id

    async def end(self, session_id: UUID, seconds: float, io: tuple[int, int, int] | None) -> None:
        """A session ends, as the upkeep of compute would note it."""
        self.agents.finish(session_id, 0)
        await self.owner.execute(
            "update compute_sessions set status = 'terminated', ended_at = $2, io_read_bytes = $3,"
            " io_write_bytes = $4, disk_bytes = $5 where id = $1",
            session_id,
            datetime.fromtimestamp(self.clock.edge + seconds, UTC),
            *(io or (None, None, None)),
        )

    async def collect(self, seconds: float) -> None:
        """One round of the collector at a time."""
        self.clock.at(seconds)
        await self.collector.run_once()

    async def of(self, user: UserData) -> MonthStatsResult:
        """A user's month."""
        action = UserMonthStatsAction(user_id=str(user.id))
        return await self.processors.user_month_stats.wait_for_complete(action)

    async def of_all(self) -> MonthStatsResult:
        """Everybody's month, or the tenant's."""
        return await self.processors.admin_month_stats.wait_for_complete(AdminMonthStatsAction())

    def values(self, result: MonthStatsResult, name: str) -> dict[int, float]:
        """What is not zero of a measure, by the number of the bin; the test begins in bin 0."""
        return {
            int(one["date"] - self.clock.edge) // BIN: value_of(one, name)
            for one in result.stats
            if value_of(one, name)
        }


def value_of(one: UsageBin, name: str) -> float:
    """One value of a bin."""
    value: float = one[name]["value"]  # type: ignore[literal-required]  # a field's name
    return value


@pytest.fixture
def stat_client() -> ValkeyStatClient:
    """What stands for Valkey."""
    return FakeStatistics()


@pytest.fixture
async def usage(
    tenantry: App, clock: SetClock, owner: asyncpg.Connection, stat_client: ValkeyStatClient
) -> Usage:
    agents, valkey, repository = FakeAgents(AGENT, clock=clock), stat_client, UsageRepository()
    await owner.execute(
        "insert into agents values ($1, 'x', 'alive', 1000, 1000000000000, 100, now(), now())",
        AGENT,
    )
    first, second = (
        UsageCollector(
            database=tenantry.database,
            usage_repository=repository,
            agent_registry=agents,
            valkey_stat_client=valkey,
            clock=clock,
        )
        for _ in range(2)
    )
    service = UserService(
        storage_manager=tenantry.storage_manager,
        valkey_stat_client=valkey,
        agent_registry=agents,
        user_repository=tenantry.user_repository,
        admin_user_repository=tenantry.admin_user_repository,
    )
    processors = UserProcessors(user_service=service, action_monitors=tenantry.action_monitors)
    return Usage(clock, owner, agents, valkey, first, second, processors, tenantry)
