"""Agents that fail, hang, lie or vanish, and what becomes of their sessions."""

import asyncio
from uuid import uuid4

import pytest

from tenantry.app import App
from tenantry.compute.actions import (
    AgentHeartbeatAction,
    GetComputeSessionAction,
    ListAgentsAction,
    RegisterAgentAction,
    TerminateComputeSessionAction,
)
from tenantry.compute.model import AgentStatus, ComputeSessionData, SessionStatus
from tenantry.errors import AgentNotFound, PermissionError
from tenantry.kernel.action import Actor, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData

from .conftest import AGENT, Compute

pytestmark = pytest.mark.anyio


async def now(compute: Compute, session: ComputeSessionData) -> ComputeSessionData:
    action = GetComputeSessionAction(session.id)
    return (await compute.processors.get_session.wait_for_complete(action)).data


async def agents(compute: Compute) -> dict[str, AgentStatus]:
    page = await compute.processors.list_agents.wait_for_complete(ListAgentsAction())
    return {agent.name: agent.status for agent in page.items}


async def beat(compute: Compute, name: str = AGENT) -> None:
    await compute.processors.heartbeat.wait_for_complete(AgentHeartbeatAction(name))


async def test_what_the_agent_can_never_run_has_failed_with_the_reason(
    compute: Compute, john: UserData
) -> None:
    compute.agents.unknown_programs.add("nothing")
    session = await compute.run("nothing", user="john")
    assert session.status is SessionStatus.FAILED
    assert session.status_info == "nothing: there is no such program"
    assert session.ended_at is not None


@pytest.mark.parametrize("trouble", ["away", "hanging"])
async def test_an_agent_that_cannot_be_reached_starts_the_session_later(
    compute: Compute, john: UserData, clock: ShiftedClock, trouble: str
) -> None:
    getattr(compute.agents, trouble).add(AGENT)
    session = await compute.run(user="john")
    assert (session.status, session.status_info) == (SessionStatus.PENDING, "agent-unreachable")
    getattr(compute.agents, trouble).clear()
    clock.advance(seconds=11)
    await compute.upkeep.run_once()
    assert (await now(compute, session)).status is SessionStatus.RUNNING
    assert compute.agents.running() == {session.id}


async def test_a_session_that_ended_of_itself_is_noted_with_its_exit_code(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    compute.agents.finish(session.id, 3)
    await compute.upkeep.run_once()
    found = await now(compute, session)
    assert (found.status, found.exit_code) == (SessionStatus.TERMINATED, 3)


async def test_a_session_that_its_agent_has_lost_has_failed(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    compute.agents.lose(session.id)
    await compute.upkeep.run_once()
    found = await now(compute, session)
    assert (found.status, found.status_info) == (SessionStatus.FAILED, "lost-by-agent")


async def test_an_agent_whose_list_leaves_out_what_runs_is_asked_again(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    compute.agents.hidden.add(session.id)
    await compute.upkeep.run_once()
    assert (await now(compute, session)).status is SessionStatus.RUNNING


async def test_what_runs_without_a_record_is_ended(compute: Compute, john: UserData) -> None:
    session = await compute.run(user="john")
    compute.agents.add_orphan(AGENT, uuid4())
    await compute.upkeep.run_once()
    assert compute.agents.running() == {session.id}


async def test_a_start_that_loses_against_an_end_leaves_nothing_running(
    compute: Compute, john: UserData
) -> None:
    compute.agents.hanging.add(AGENT)
    creation = asyncio.create_task(compute.run(user="john"))
    await asyncio.sleep(0.1)
    found = await compute.processors.list_agents.wait_for_complete(ListAgentsAction())
    assert found.items
    compute.agents.hanging.clear()
    session = await creation
    action = TerminateComputeSessionAction(session.id)
    launches = [compute.upkeep.run_once() for _ in range(3)]
    await asyncio.gather(compute.processors.terminate_session.wait_for_complete(action), *launches)
    await compute.upkeep.run_once()
    assert compute.agents.running() == set()
    assert not (await now(compute, session)).status.is_live


async def test_a_silent_agent_is_lost_and_gets_nothing_new(
    compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    session = await compute.run(user="john")
    clock.advance(seconds=31)
    compute.agents.away.add(AGENT)
    await compute.upkeep.run_once()
    assert await agents(compute) == {AGENT: AgentStatus.LOST}
    assert (await compute.run(user="john")).agent is None
    assert (await now(compute, session)).status is SessionStatus.RUNNING
    compute.agents.away.clear()
    await beat(compute)
    await compute.upkeep.run_once()
    assert await agents(compute) == {AGENT: AgentStatus.ALIVE}


async def test_sessions_of_an_agent_lost_for_long_have_ended_when_it_was_last_heard_of(
    compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    session = await compute.run(user="john")
    marked = await compute.run(user="john")
    clock.advance(seconds=5)
    await beat(compute)
    heard = clock.now()
    compute.agents.away.add(AGENT)
    clock.advance(minutes=5)
    await compute.processors.terminate_session.wait_for_complete(
        TerminateComputeSessionAction(marked.id)
    )
    clock.advance(minutes=6)
    await compute.upkeep.run_once()
    found = await now(compute, session)
    assert (found.status, found.status_info) == (SessionStatus.FAILED, "agent-lost")
    assert found.ended_at is not None
    assert found.ended_at <= heard
    assert (await now(compute, marked)).status is SessionStatus.TERMINATED
    compute.agents.away.clear()
    await beat(compute)
    await compute.upkeep.run_once()
    assert compute.agents.running() == set()  # what came back was nobody's any more


async def test_many_rounds_at_once_do_no_more_than_one(compute: Compute, john: UserData) -> None:
    sessions = [await compute.run(user="john") for _ in range(4)]
    compute.agents.finish(sessions[0].id, 0)
    compute.agents.lose(sessions[1].id)
    await asyncio.gather(*(compute.upkeep.run_once() for _ in range(5)))
    statuses = [(await now(compute, session)).status.value for session in sessions]
    assert statuses == ["terminated", "failed", "running", "running"]


async def test_agents_are_the_platforms_business(
    compute: Compute, admin: UserData, superadmin: Actor
) -> None:
    action = RegisterAgentAction(name="two", address="10.0.0.2:6001", cpu=4, memory=2**34)
    with acting_as(admin):
        with pytest.raises(PermissionError):
            await compute.processors.register_agent.wait_for_complete(action)
        with pytest.raises(PermissionError):
            await agents(compute)
    with acting_as(superadmin):
        first = await compute.processors.register_agent.wait_for_complete(action)
        again = await compute.processors.register_agent.wait_for_complete(action)
        assert first.data.registered_at == again.data.registered_at
        assert set(await agents(compute)) == {AGENT, "two"}


async def test_a_sign_of_life_of_an_agent_that_never_registered_is_refused(
    compute: Compute,
) -> None:
    with pytest.raises(AgentNotFound):
        await beat(compute, "unknown")


async def test_the_own_agent_is_registered_by_the_upkeep(
    tenantry: App, compute: Compute, clock: ShiftedClock
) -> None:
    compute.upkeep._own_agent = (
        await compute.processors.register_agent.wait_for_complete(
            RegisterAgentAction(name="own", address="here", cpu=2, memory=2**33)
        )
    ).data
    clock.advance(hours=1)
    await compute.upkeep.run_once()
    assert await agents(compute) == {AGENT: AgentStatus.LOST, "own": AgentStatus.ALIVE}
