"""Agents that only pretend: they can be away, hang, refuse and lie."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from tenantry.compute.ports import Sample, SessionOrder, SessionState
from tenantry.errors import ConnectionError, StateConflict


class Now(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime: ...


class FakeAgents:
    """Some agents whose sessions exist in memory only.

    Put a name into ``away`` or ``hanging``, a program into ``unknown_programs``, an id into
    ``hidden`` (running, but not listed) or ``stubborn`` (not to be ended), and see what happens.
    """

    def __init__(self, *names: str, clock: Now | None = None) -> None:
        self.names = set(names or ("fake",))
        self.away: set[str] = set()
        self.hanging: set[str] = set()
        self.unknown_programs: set[str] = set()
        self.hidden: set[UUID] = set()
        self.stubborn: set[UUID] = set()
        self.orders: dict[UUID, SessionOrder] = {}
        self.calls: list[str] = []
        self._clock = clock
        self._on: dict[str, dict[UUID, SessionState]] = {}
        self._used: dict[UUID, Sample] = {}

    async def start_session(self, agent: str, order: SessionOrder) -> None:
        sessions = await self._reach(agent, "start")
        if order.command[0] in self.unknown_programs:
            raise StateConflict(f"{order.command[0]}: there is no such program")
        if order.id not in sessions:
            self.orders[order.id] = order
            sessions[order.id] = _state(order.id)

    async def terminate_session(self, agent: str, session_id: UUID) -> SessionState:
        sessions = await self._reach(agent, "terminate")
        state = sessions.setdefault(session_id, self._ended(session_id, None))
        if state.running and session_id not in self.stubborn:
            state = sessions[session_id] = self._ended(session_id, 143)
        return state

    async def session_state(self, agent: str, session_id: UUID) -> SessionState | None:
        return (await self._reach(agent, "state")).get(session_id)

    async def list_sessions(self, agent: str) -> set[UUID]:
        sessions = await self._reach(agent, "list")
        return {key for key, state in sessions.items() if state.running} - self.hidden

    async def sample(self, agent: str) -> list[Sample]:
        sessions = await self._reach(agent, "sample")
        running = [key for key, state in sessions.items() if state.running]
        return [msgspec.structs.replace(self._sample(key), at=self._now()) for key in running]

    def finish(self, session_id: UUID, exit_code: int) -> None:
        """A session ends of itself."""
        for sessions in self._on.values():
            if session_id in sessions:
                sessions[session_id] = self._ended(session_id, exit_code)

    def use(self, session_id: UUID, **totals: float) -> None:
        """What a session has used until now: the fields of a Sample."""
        self._used[session_id] = msgspec.structs.replace(self._sample(session_id), **totals)

    def lose(self, session_id: UUID) -> None:
        """The agents forget that they ever heard of the session."""
        for sessions in self._on.values():
            sessions.pop(session_id, None)

    def add_orphan(self, agent: str, session_id: UUID) -> None:
        """Something runs that nobody has a record of."""
        self._on.setdefault(agent, {})[session_id] = _state(session_id)

    def running(self) -> set[UUID]:
        """What really runs, hidden or not."""
        every = (state for sessions in self._on.values() for state in sessions.values())
        return {state.id for state in every if state.running}

    async def _reach(self, agent: str, call: str) -> dict[UUID, SessionState]:
        self.calls.append(call)
        if agent in self.hanging:
            await asyncio.sleep(3600)
        if agent in self.away or agent not in self.names:
            raise ConnectionError(f"Agent {agent} cannot be reached.")
        return self._on.setdefault(agent, {})

    def _sample(self, session_id: UUID) -> Sample:
        nothing = Sample(
            id=session_id,
            at=self._now(),
            cpu_seconds=0.0,
            memory_bytes=0,
            io_read_bytes=0,
            io_write_bytes=0,
        )
        return self._used.get(session_id, nothing)

    def _ended(self, session_id: UUID, exit_code: int | None) -> SessionState:
        now = self._now()
        last = msgspec.structs.replace(self._sample(session_id), at=now)
        return SessionState(
            id=session_id, running=False, exit_code=exit_code, ended_at=now, last=last
        )

    def _now(self) -> datetime:
        return self._clock.now() if self._clock else datetime.now(UTC)


def _state(session_id: UUID) -> SessionState:
    return SessionState(id=session_id, running=True, exit_code=None, ended_at=None)
