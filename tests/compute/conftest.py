"""Compute put together over a real database and agents that only pretend."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tenantry.adapters.agents import LocalAgents
from tenantry.app import App
from tenantry.compute.actions import CreateComputeSessionAction
from tenantry.compute.launcher import Launcher
from tenantry.compute.model import AgentData, AgentStatus, ComputeSessionData
from tenantry.compute.ports import AgentRegistry, Mount
from tenantry.compute.processors import ComputeProcessors
from tenantry.compute.repository import ComputeRepository
from tenantry.compute.service import ComputeService
from tenantry.compute.upkeep import ComputeUpkeep
from tenantry.errors import VfolderNotFound
from tenantry.kernel.processor import Runner
from tenantry.kernel.transaction import Transaction
from tenantry.testing.agents import FakeAgents
from tenantry.testing.clock import ShiftedClock
from tenantry.users.access import RoleGuard

AGENT = "one"


@dataclass
class KnownFolders:
    """Folders that somebody may mount."""

    paths: dict[tuple[UUID, UUID], str] = field(default_factory=dict)

    async def identify(self, tx: Transaction, user_id: UUID, named: Sequence[str]) -> list[UUID]:
        ids = [UUID(text) for text in named]
        await self.mounts(user_id, ids)
        return ids

    async def mounts(self, user_id: UUID, folder_ids: Sequence[UUID]) -> list[Mount]:
        try:
            paths = [self.paths[user_id, folder_id] for folder_id in folder_ids]
        except KeyError as error:
            raise VfolderNotFound(field="folders") from error
        return [Mount(path=path, name=path.rsplit("/")[-1]) for path in paths]


@dataclass
class Compute:
    """The slice, and everything around it that a test may want to turn."""

    agents: FakeAgents
    folders: KnownFolders
    service: ComputeService
    processors: ComputeProcessors
    upkeep: ComputeUpkeep
    repository: ComputeRepository

    async def run(self, *command: str, **fields: Any) -> ComputeSessionData:
        """Create a session; ``sleep 60`` unless told otherwise."""
        action = CreateComputeSessionAction(command=list(command) or ["sleep", "60"], **fields)
        return (await self.processors.create_session.wait_for_complete(action)).data


def agent_data(clock: ShiftedClock, name: str = AGENT, **fields: Any) -> AgentData:
    """An agent with room for eight sessions of the usual size."""
    now = clock.now()
    given = {"cpu": 8, "memory": 64 * 2**30, "gpu": 4.0, **fields}
    return AgentData(
        name=name,
        address="nowhere",
        status=AgentStatus.ALIVE,
        registered_at=now,
        heartbeat_at=now,
        **given,
    )


def compose(
    app: App, clock: ShiftedClock, agents: AgentRegistry, *, end_seconds: float = 0.3
) -> tuple[KnownFolders, ComputeRepository, ComputeService, ComputeProcessors, ComputeUpkeep]:
    """The slice over some agents; it waits for them only briefly."""
    folders, repository = KnownFolders(), ComputeRepository()
    launcher = Launcher(
        database=app.database,
        compute_repository=repository,
        agent_registry=agents,
        folders=folders,
        clock=clock,
        start_seconds=max(end_seconds, 0.3),
        end_seconds=end_seconds,
    )
    service = ComputeService(
        database=app.database,
        compute_repository=repository,
        launcher=launcher,
        folders=folders,
        clock=clock,
        cursor_key=b"c" * 32,
    )
    upkeep = ComputeUpkeep(
        database=app.database,
        compute_repository=repository,
        launcher=launcher,
        agent_registry=agents,
        clock=clock,
        own_agent=agents.described(clock.now()) if isinstance(agents, LocalAgents) else None,
    )
    run = Runner(app.action_monitors, RoleGuard(), clock)
    return folders, repository, service, ComputeProcessors(compute_service=service, run=run), upkeep


@pytest.fixture
async def compute(tenantry: App, clock: ShiftedClock) -> Compute:
    agents = FakeAgents(AGENT, clock=clock)
    folders, repository, service, processors, upkeep = compose(tenantry, clock, agents)
    async with tenantry.database.autocommit() as tx:
        await repository.register_agent(tx, agent_data(clock), clock.now() - timedelta(seconds=1))
    return Compute(agents, folders, service, processors, upkeep, repository)
