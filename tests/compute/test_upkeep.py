"""Agents that fail, hang, lie or vanish, and what becomes of their sessions."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tenantry.app import App
from tenantry.compute import queries
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
from tenantry.kernel.transaction import Statement
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


async def heartbeat_at(app: App) -> datetime:
    async with app.database.autocommit() as tx:
        row = await tx.fetchrow(queries.FIND_AGENT, AGENT)
    assert row is not None
    found: datetime = row["heartbeat_at"]
    return found


async def test_many_heartbeats_of_one_agent_at_once_all_count_as_the_latest(
    tenantry: App, compute: Compute, clock: ShiftedClock
) -> None:
    async with tenantry.database.autocommit() as tx:
        await compute.repository.lose_agents(tx, clock.now() + timedelta(hours=1))
    moments = [clock.now() + timedelta(seconds=seconds) for seconds in range(20)]

    async def one(moment: datetime) -> None:
        async with tenantry.database.transaction() as tx:
            agent = await compute.repository.heartbeat(tx, AGENT, moment)
        assert agent.status is AgentStatus.ALIVE
        assert agent.heartbeat_at >= moment

    await asyncio.gather(*(one(moment) for moment in reversed(moments)), beat(compute))
    assert await heartbeat_at(tenantry) == moments[-1]
    assert list((await agents(compute)).items()) == [(AGENT, AgentStatus.ALIVE)]


NAIVE_HEARTBEAT = Statement(
    "naive.heartbeat",
    "An agent is alive, whenever this was said.",
    "update agents set status = 'alive', heartbeat_at = $2 where name = $1 returning *",
)


@pytest.mark.parametrize("naive", [False, True])
async def test_a_heartbeat_that_was_overtaken_does_not_make_its_agent_look_silent(
    tenantry: App,
    compute: Compute,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
    naive: bool,
) -> None:
    """Two at once, of which the earlier waits for the later one's row: naively, it wins."""
    if naive:
        monkeypatch.setattr(queries, "HEARTBEAT", NAIVE_HEARTBEAT)
    early, late = clock.now(), clock.now() + timedelta(seconds=60)
    overtaken: asyncio.Task[object] | None = None

    async def beat_early() -> None:
        async with tenantry.database.transaction() as tx:
            await compute.repository.heartbeat(tx, AGENT, early)

    async with tenantry.database.transaction() as tx:
        await compute.repository.heartbeat(tx, AGENT, late)
        overtaken = asyncio.create_task(beat_early())
        await asyncio.sleep(0.1)
        assert not overtaken.done()
    await overtaken
    assert await heartbeat_at(tenantry) == (early if naive else late)
    async with tenantry.database.autocommit() as tx:
        lost = await compute.repository.lose_agents(tx, late - timedelta(seconds=30))
    assert lost == (1 if naive else 0)
