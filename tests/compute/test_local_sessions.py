"""Compute sessions from action to process and back, on this machine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenantry.adapters.agents import LocalAgents
from tenantry.app import App
from tenantry.compute.actions import (
    CreateComputeSessionAction,
    GetComputeSessionAction,
    TerminateComputeSessionAction,
)
from tenantry.compute.model import ComputeSessionData, SessionStatus
from tenantry.compute.ports import SessionOrder
from tenantry.compute.processors import ComputeProcessors
from tenantry.compute.upkeep import ComputeUpkeep
from tenantry.kernel.action import acting_as
from tenantry.kernel.clock import uuid7
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData

from .conftest import compose

pytestmark = pytest.mark.anyio


class Here:
    """The slice over real processes."""

    def __init__(self, app: App, clock: ShiftedClock, folder: Path) -> None:
        self.folder = folder
        self.agents = LocalAgents(folder, grace=0.5)
        parts = compose(app, clock, self.agents, end_seconds=8.0)
        self.processors: ComputeProcessors = parts[3]
        self.upkeep: ComputeUpkeep = parts[4]

    async def run(self, *command: str) -> ComputeSessionData:
        action = CreateComputeSessionAction(command=list(command), memory=2**28)
        return (await self.processors.create_session.wait_for_complete(action)).data

    async def now(self, session: ComputeSessionData) -> ComputeSessionData:
        action = GetComputeSessionAction(session.id)
        return (await self.processors.get_session.wait_for_complete(action)).data


@pytest.fixture
async def here(tenantry: App, clock: ShiftedClock, tmp_path: Path) -> AsyncIterator[Here]:
    found = Here(tenantry, clock, tmp_path / "agents")
    await found.upkeep.run_once()
    yield found
    for session_id in await found.agents.list_sessions(found.agents.name):
        await found.agents.terminate_session(found.agents.name, session_id)


async def test_a_command_runs_to_its_end_and_what_it_used_is_on_record(
    here: Here, john: UserData
) -> None:
    with acting_as(john):
        session = await here.run("sh", "-c", "head -c 1M /dev/zero > data; sync data; exit 7")
        assert session.status is SessionStatus.RUNNING
        async with asyncio.timeout(20):
            while (found := await here.now(session)).status.is_live:
                await here.upkeep.run_once()
    assert (found.status, found.exit_code) == (SessionStatus.TERMINATED, 7)
    assert (found.io_write_bytes or 0) >= 2**20
    assert (found.disk_bytes or 0) >= 2**20


async def test_a_command_that_is_not_there_has_failed(here: Here, john: UserData) -> None:
    with acting_as(john):
        session = await here.run("no-such-program")
    assert session.status is SessionStatus.FAILED
    assert session.status_info == "no-such-program: No such file or directory"


async def test_a_session_started_by_a_server_that_died_is_ended_by_the_next(
    here: Here, tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    with acting_as(john):
        session = await here.run("sleep", "600")
        another = Here(tenantry, clock, here.folder)
        await another.upkeep.run_once()
        assert (await another.now(session)).status is SessionStatus.RUNNING
        action = TerminateComputeSessionAction(session.id)
        ended = (await another.processors.terminate_session.wait_for_complete(action)).data
    assert (ended.status, ended.exit_code) == (SessionStatus.TERMINATED, 143)
    assert await here.agents.list_sessions(here.agents.name) == set()


async def test_what_runs_without_a_record_is_ended_here_too(here: Here, john: UserData) -> None:
    with acting_as(john):
        session = await here.run("sleep", "600")
    stray = SessionOrder(
        id=uuid7(session.created_at), command=["sleep", "600"], environment={}, cpu=1, memory=2**28
    )
    await here.agents.start_session(here.agents.name, stray)
    await here.upkeep.run_once()
    assert await here.agents.list_sessions(here.agents.name) == {session.id}
