"""Ending compute sessions."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.compute.actions import GetComputeSessionAction, TerminateComputeSessionAction
from tenantry.compute.model import ComputeSessionData, SessionStatus
from tenantry.errors import ComputeSessionNotFound, PermissionError
from tenantry.kernel.action import acting_as
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

from .conftest import AGENT, Compute

pytestmark = pytest.mark.anyio


async def stop(compute: Compute, session: ComputeSessionData) -> ComputeSessionData:
    action = TerminateComputeSessionAction(session.id)
    return (await compute.processors.terminate_session.wait_for_complete(action)).data


async def now(compute: Compute, session: ComputeSessionData) -> ComputeSessionData:
    action = GetComputeSessionAction(session.id)
    return (await compute.processors.get_session.wait_for_complete(action)).data


async def test_a_running_session_is_ended_and_its_use_is_kept(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    compute.agents.use(session.id, io_write_bytes=4096, cpu_seconds=2.5)
    with acting_as(john):
        ended = await stop(compute, session)
    assert (ended.status, ended.exit_code) == (SessionStatus.TERMINATED, 143)
    assert (ended.io_write_bytes, ended.cpu_seconds) == (4096, 2.5)
    assert compute.agents.running() == set()


async def test_ending_an_ended_session_changes_nothing(compute: Compute, john: UserData) -> None:
    session = await compute.run(user="john")
    outcomes = await asyncio.gather(*(stop(compute, session) for _ in range(5)))
    last = await stop(compute, session)
    assert last.status is SessionStatus.TERMINATED
    assert all(outcome.ended_at in (None, last.ended_at) for outcome in outcomes)
    assert await now(compute, session) == last


async def test_a_pending_session_that_no_agent_has_is_cancelled(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john", cpu=100)
    ended = await stop(compute, session)
    assert ended.status is SessionStatus.CANCELLED
    assert ended.started_at is None
    assert compute.agents.calls == []


async def test_a_session_that_may_have_been_started_is_ended_on_its_agent_too(
    compute: Compute, john: UserData
) -> None:
    compute.agents.hanging.add(AGENT)
    session = await compute.run(user="john")
    assert (session.status, session.status_info) == (SessionStatus.PENDING, "agent-unreachable")
    compute.agents.hanging.clear()
    compute.agents.add_orphan(AGENT, session.id)  # the order arrived, the answer did not
    ended = await stop(compute, session)
    assert ended.status is SessionStatus.CANCELLED
    assert compute.agents.running() == set()


async def test_a_session_whose_agent_is_away_stays_terminating_until_it_is_back(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    compute.agents.away.add(AGENT)
    marked = await stop(compute, session)
    assert (marked.status, marked.status_info) == (SessionStatus.TERMINATING, "agent-unreachable")
    compute.agents.away.clear()
    await compute.upkeep.run_once()
    assert (await now(compute, session)).status is SessionStatus.TERMINATED


async def test_an_agent_that_only_claims_to_have_ended_it_is_not_believed(
    compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    compute.agents.stubborn.add(session.id)
    assert (await stop(compute, session)).status is SessionStatus.TERMINATING
    compute.agents.stubborn.clear()
    assert (await stop(compute, session)).status is SessionStatus.TERMINATED


async def test_who_may_end_a_session(
    tenantry: App, compute: Compute, john: UserData, admin: UserData
) -> None:
    jane = await make_user(tenantry, "jane")
    monitor = await make_user(tenantry, "mona", role=UserRole.MONITOR)
    await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    session = await compute.run(user="john")
    of_boss = await compute.run(user="boss")
    with acting_as(jane), pytest.raises(ComputeSessionNotFound):
        await stop(compute, session)
    with acting_as(monitor), pytest.raises(PermissionError):
        await stop(compute, session)
    with acting_as(admin):
        with pytest.raises(PermissionError):
            await stop(compute, of_boss)
        assert (await stop(compute, session)).status is SessionStatus.TERMINATED


async def test_an_end_is_audited_with_the_change(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    session = await compute.run(user="john")
    with acting_as(john):
        await stop(compute, session)
    search = SearchAuditAction(action="compute.terminate")
    (entry,) = (await tenantry.audit.search.wait_for_complete(search)).items
    assert (entry.actor, entry.target_id) == ("john", session.id)
    assert entry.changes == {"status": ["running", "terminating"]}
