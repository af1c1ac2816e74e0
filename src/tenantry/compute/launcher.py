"""Asks the agents, and writes down what came of it. Everything here can be repeated."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import msgspec

from tenantry.compute.model import SessionStatus
from tenantry.compute.ports import AgentRegistry, Folders, SessionOrder
from tenantry.compute.repository import Assignment, ComputeRepository
from tenantry.errors import AccountError, ConnectionError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database

START_SECONDS = 5.0
END_SECONDS = 9.0
AT_ONCE = 16

UNREACHABLE = "agent-unreachable"


class Launcher:
    """Starts pending sessions and ends those that are marked so, outside any transaction."""

    def __init__(
        self,
        *,
        database: Database,
        compute_repository: ComputeRepository,
        agent_registry: AgentRegistry,
        folders: Folders,
        clock: Clock,
        start_seconds: float = START_SECONDS,
        end_seconds: float = END_SECONDS,
    ) -> None:
        self._database = database
        self._sessions = compute_repository
        self._agents = agent_registry
        self._folders = folders
        self._clock = clock
        self._start_seconds = start_seconds
        self._end_seconds = end_seconds

    async def launch(self, session_id: UUID) -> None:
        """Have a pending session started. Where the agent is away it stays pending."""
        found = await self._assignment(session_id)
        if found is None or found.agent is None or found.status is not SessionStatus.PENDING:
            return
        try:
            order = await self._complete(found)
            async with asyncio.timeout(self._start_seconds):
                await self._agents.start_session(found.agent, order)
        except (ConnectionError, TimeoutError):
            # It may have been started all the same; asking again under the same id does no harm.
            await self._say(session_id, UNREACHABLE)
            return
        except AccountError as error:
            async with self._database.autocommit() as tx:
                await self._sessions.fail(tx, session_id, str(error), self._clock.now())
            return
        async with self._database.autocommit() as tx:
            started = await self._sessions.mark_running(tx, session_id, self._clock.now())
        if not started:
            await self._undo(found.agent, session_id)

    async def finish(self, session_id: UUID) -> None:
        """Have a session ended that is marked so; ConnectionError while that is not possible."""
        found = await self._assignment(session_id)
        if found is None or found.agent is None or found.status is not SessionStatus.TERMINATING:
            return
        try:
            async with asyncio.timeout(self._end_seconds):
                state = await self._agents.terminate_session(found.agent, session_id)
        except (ConnectionError, TimeoutError) as error:
            await self._say(session_id, UNREACHABLE)
            raise ConnectionError(f"Agent {found.agent} cannot be reached.") from error
        if state.running:
            raise ConnectionError(f"Agent {found.agent} has not ended session {session_id} yet.")
        async with self._database.autocommit() as tx:
            await self._sessions.mark_ended(tx, state, self._clock.now())

    async def finish_all(self, session_ids: Iterable[UUID]) -> list[ConnectionError]:
        """End many, some at once; what went wrong, once all have been tried."""
        limit = asyncio.Semaphore(AT_ONCE)
        failures: list[ConnectionError] = []

        async def one(session_id: UUID) -> None:
            async with limit:
                try:
                    await self.finish(session_id)
                except ConnectionError as error:
                    failures.append(error)

        await asyncio.gather(*(one(session_id) for session_id in session_ids))
        return failures

    async def _assignment(self, session_id: UUID) -> Assignment | None:
        async with self._database.autocommit() as tx:
            return await self._sessions.find_assignment(tx, session_id)

    async def _complete(self, found: Assignment) -> SessionOrder:
        if not found.folders:
            return found.order
        mounts = await self._folders.mounts(found.user_id, found.folders)
        return msgspec.structs.replace(found.order, folders=mounts)

    async def _say(self, session_id: UUID, info: str) -> None:
        async with self._database.autocommit() as tx:
            await self._sessions.say(tx, session_id, info)

    async def _undo(self, agent: str, session_id: UUID) -> None:
        """The session was ended, or even forgotten, while it was started; nothing may stay."""
        found = await self._assignment(session_id)
        if found is None or found.agent != agent:
            async with asyncio.timeout(self._end_seconds):
                await self._agents.terminate_session(agent, session_id)
        elif found.status is SessionStatus.TERMINATING:
            await self.finish_all([session_id])
