"""What every registry of agents must do, the pretended one and local processes alike."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.agents import LocalAgents
from tenantry.compute.ports import AgentRegistry, SessionOrder, SessionState
from tenantry.errors import ConnectionError, StateConflict
from tenantry.testing.agents import FakeAgents

pytestmark = pytest.mark.anyio

WAITS = "while [ ! -e code ]; do sleep 0.02; done; exit $(cat code)"


class Subject(Protocol):
    """A registry, one of its agents, and a way to have a session end of itself."""

    @property
    def registry(self) -> AgentRegistry: ...

    @property
    def agent(self) -> str: ...

    def finish(self, session_id: UUID, code: int) -> None: ...


class Pretended:
    def __init__(self) -> None:
        self.registry = self.fake = FakeAgents("one")
        self.fake.unknown_programs.add("no-such-program")
        self.agent = "one"

    def finish(self, session_id: UUID, code: int) -> None:
        self.fake.finish(session_id, code)


class Local:
    def __init__(self, folder: Path) -> None:
        self.registry = LocalAgents(folder, grace=1.0)
        self.agent = self.registry.name
        self._folder = folder

    def finish(self, session_id: UUID, code: int) -> None:
        work = self._folder / "sessions" / str(session_id) / "work"
        (work / "new").write_text(str(code))
        (work / "new").chmod(0o644)
        (work / "new").rename(work / "code")


@pytest.fixture(params=["pretended", "local"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    found: Subject = Pretended() if request.param == "pretended" else Local(tmp_path / "agents")
    yield found
    for session_id in await found.registry.list_sessions(found.agent):
        await found.registry.terminate_session(found.agent, session_id)


def an_order(*command: str) -> SessionOrder:
    return SessionOrder(
        id=uuid4(),
        command=list(command) or ["sh", "-c", WAITS],
        environment={},
        cpu=1,
        memory=2**30,
    )


async def ended(subject: Subject, session_id: UUID) -> SessionState:
    async with asyncio.timeout(10):
        while True:
            state = await subject.registry.session_state(subject.agent, session_id)
            if state is not None and not state.running:
                return state
            await asyncio.sleep(0.01)


async def test_a_started_session_runs_and_is_listed(subject: Subject) -> None:
    order = an_order()
    await subject.registry.start_session(subject.agent, order)
    state = await subject.registry.session_state(subject.agent, order.id)
    assert state == SessionState(id=order.id, running=True, exit_code=None, ended_at=None)
    assert await subject.registry.list_sessions(subject.agent) == {order.id}


async def test_starting_twice_starts_once(subject: Subject) -> None:
    order = an_order()
    starts = [subject.registry.start_session(subject.agent, order) for _ in range(4)]
    await asyncio.gather(*starts)
    assert await subject.registry.list_sessions(subject.agent) == {order.id}
    await subject.registry.terminate_session(subject.agent, order.id)
    assert await subject.registry.list_sessions(subject.agent) == set()


async def test_a_session_that_ends_of_itself_keeps_its_exit_code(subject: Subject) -> None:
    order = an_order()
    await subject.registry.start_session(subject.agent, order)
    subject.finish(order.id, 3)
    state = await ended(subject, order.id)
    assert (state.running, state.exit_code) == (False, 3)
    assert state.ended_at is not None
    assert state.last is not None
    assert state.last.id == order.id
    assert await subject.registry.list_sessions(subject.agent) == set()


async def test_an_ended_session_is_not_started_again(subject: Subject) -> None:
    order = an_order()
    await subject.registry.start_session(subject.agent, order)
    subject.finish(order.id, 0)
    before = await ended(subject, order.id)
    await subject.registry.start_session(subject.agent, order)
    assert await subject.registry.session_state(subject.agent, order.id) == before


async def test_termination_ends_a_session_and_can_be_repeated(subject: Subject) -> None:
    order = an_order()
    await subject.registry.start_session(subject.agent, order)
    first = await subject.registry.terminate_session(subject.agent, order.id)
    again = await subject.registry.terminate_session(subject.agent, order.id)
    assert first == again
    assert not first.running
    assert first.exit_code == 143
    assert await subject.registry.list_sessions(subject.agent) == set()


async def test_a_session_ended_before_its_start_never_starts(subject: Subject) -> None:
    order = an_order()
    state = await subject.registry.terminate_session(subject.agent, order.id)
    await subject.registry.start_session(subject.agent, order)
    assert not state.running
    assert await subject.registry.list_sessions(subject.agent) == set()


async def test_nothing_is_known_of_a_session_that_was_never_started(subject: Subject) -> None:
    assert await subject.registry.session_state(subject.agent, uuid4()) is None


async def test_what_can_never_run_is_a_conflict(subject: Subject) -> None:
    order = an_order("no-such-program")
    with pytest.raises(StateConflict, match="no-such-program"):
        await subject.registry.start_session(subject.agent, order)
    assert await subject.registry.list_sessions(subject.agent) == set()


async def test_samples_come_in_one_look_and_never_go_down(subject: Subject) -> None:
    orders = [an_order(), an_order()]
    for order in orders:
        await subject.registry.start_session(subject.agent, order)
    first = {s.id: s for s in await subject.registry.sample(subject.agent)}
    second = {s.id: s for s in await subject.registry.sample(subject.agent)}
    assert first.keys() == second.keys() == {order.id for order in orders}
    for key, sample in first.items():
        assert second[key].at >= sample.at
        assert second[key].cpu_seconds >= sample.cpu_seconds
        assert second[key].io_write_bytes >= sample.io_write_bytes


async def test_an_unknown_agent_cannot_be_reached(subject: Subject) -> None:
    for attempt in (
        subject.registry.start_session("elsewhere", an_order()),
        subject.registry.terminate_session("elsewhere", uuid4()),
        subject.registry.session_state("elsewhere", uuid4()),
        subject.registry.list_sessions("elsewhere"),
        subject.registry.sample("elsewhere"),
    ):
        with pytest.raises(ConnectionError):
            await attempt
