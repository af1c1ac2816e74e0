"""What has to be looked after again and again: agents that went silent, sessions that ended."""

import asyncio
import logging
from datetime import datetime, timedelta
from uuid import UUID

from tenantry.compute.actions import TerminateComputeSessionAction
from tenantry.compute.launcher import END_SECONDS, Launcher
from tenantry.compute.limits import is_busy
from tenantry.compute.model import AgentData, SessionStatus
from tenantry.compute.ports import AgentRegistry, Sample
from tenantry.compute.repository import ComputeRepository
from tenantry.errors import ComputeSessionNotFound, ConnectionError
from tenantry.kernel.action import SYSTEM, Note, Origin, Run, running
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Database

logger = logging.getLogger(__name__)

LOST_AFTER = timedelta(seconds=30)
"""An agent that was silent for so long gets nothing new."""
GIVEN_UP_AFTER = timedelta(minutes=10)
"""What ran on an agent that was silent for so long has ended, as far as we are concerned."""
LAUNCH_AFTER = timedelta(seconds=10)
"""A session that is pending for so long lost whoever wanted to start it."""
LOST_BY_AGENT = "lost-by-agent"
UPKEEP = Origin(face="upkeep")


class ComputeUpkeep:
    """Compares records and agents. Any number of servers may do so at once."""

    def __init__(
        self,
        *,
        database: Database,
        compute_repository: ComputeRepository,
        launcher: Launcher,
        agent_registry: AgentRegistry,
        clock: Clock,
        own_agent: AgentData | None = None,
    ) -> None:
        self._database = database
        self._sessions = compute_repository
        self._launcher = launcher
        self._agents = agent_registry
        self._clock = clock
        self._own_agent = own_agent

    async def run_forever(self, interval: float = 5.0) -> None:
        """Do it every few seconds; what fails is logged and done the next time."""
        while True:
            try:
                await self.run_once()
            except Exception:  # nothing may end this loop; the next round tries again
                logger.exception("the upkeep of compute sessions failed")
            await asyncio.sleep(interval)

    async def run_once(self) -> None:
        """One round: signs of life, starts and ends that are due, and every agent's list."""
        now = self._clock.now()
        for session_id in await self._overdue_starts(now):
            await self._launcher.launch(session_id)
        await self._look_for_idle(now)
        await self._end_by_policy(now)
        async with self._database.autocommit() as tx:
            to_end = await self._sessions.to_end(tx)
            alive = await self._sessions.agents_alive(tx)
        for failure in await self._launcher.finish_all(to_end):
            logger.warning("a compute session could not be ended: %s", failure)
        for agent in alive:
            try:
                await self.reconcile(agent)
            except (ConnectionError, TimeoutError) as error:
                logger.warning("agent %s could not be compared with the records: %s", agent, error)

    async def reconcile(self, agent: str) -> None:
        """Make records and agent agree: end what nobody knows of, note what has ended.

        Reading what should run before the list, and what may run after it, keeps a session that
        is started or ended in between from looking lost or orphaned.
        """
        async with self._database.autocommit() as tx:
            expected = await self._sessions.running_on(tx, agent)
        async with asyncio.timeout(END_SECONDS):
            found = await self._agents.list_sessions(agent)
        async with self._database.autocommit() as tx:
            rightful = await self._sessions.live_on(tx, agent, found)
        for orphan in found - rightful:
            logger.warning("ending compute session %s, which no record knows", orphan)
            async with asyncio.timeout(END_SECONDS):
                await self._agents.terminate_session(agent, orphan)
        for missing in expected - found:
            await self._note_end(agent, missing)

    async def _look_for_idle(self, now: datetime) -> None:
        """Note what the sessions have done whose owners' policies limit how long they idle."""
        async with self._database.autocommit() as tx:
            looks = {look.id: look for look in await self._sessions.to_look_at(tx, now)}
        samples: list[Sample] = []
        for agent in {look.agent for look in looks.values()}:
            try:
                async with asyncio.timeout(END_SECONDS):
                    samples += await self._agents.sample(agent)
            except (ConnectionError, TimeoutError) as error:
                logger.warning("agent %s does not say what its sessions do: %s", agent, error)
        seen = [(s, is_busy(looks[s.id], s)) for s in samples if s.id in looks]
        if seen:
            async with self._database.autocommit() as tx:
                await self._sessions.note_looks(tx, seen)

    async def _end_by_policy(self, now: datetime) -> None:
        """Mark what has to end; each is an act of the system, in the audit with its reason."""
        async with self._database.autocommit() as tx:
            over = await self._sessions.over(tx, now)
        for session_id in over:
            run = Run(uuid7(now), TerminateComputeSessionAction(session_id), SYSTEM, UPKEEP, now)
            try:
                with running(run):
                    await self._end_one(session_id, now)
            except ComputeSessionNotFound:
                logger.info("compute session %s has ended meanwhile", session_id)

    async def _end_one(self, session_id: UUID, now: datetime) -> None:
        async with self._database.transaction() as tx:
            ended = await self._sessions.end_by_policy(tx, session_id, now)
            reason = ended["status_info"]
            statuses = SessionStatus.RUNNING.value, SessionStatus.TERMINATING.value
            note = Note(
                target=str(session_id),
                target_id=session_id,
                tenant_id=ended["tenant_id"],
                changes={"status": statuses},
                reason=reason,
                person_id=ended["user_id"],
            )
            tx.note(note)
        logger.info(
            "ending compute session %s, as its keypair policy wants: %s", session_id, reason
        )

    async def _overdue_starts(self, now: datetime) -> list[UUID]:
        async with self._database.transaction() as tx:
            if self._own_agent is not None:
                await self._sessions.register_agent(tx, self._own_agent, now)
            await self._sessions.lose_agents(tx, now - LOST_AFTER)
            await self._sessions.give_up_lost(tx, now - GIVEN_UP_AFTER)
        async with self._database.transaction() as tx:
            assigned = await self._sessions.assign_waiting(tx)
            overdue = await self._sessions.to_launch(tx, now - LAUNCH_AFTER)
        return list(dict.fromkeys([*assigned, *overdue]))

    async def _note_end(self, agent: str, session_id: UUID) -> None:
        async with asyncio.timeout(END_SECONDS):
            state = await self._agents.session_state(agent, session_id)
        if state is not None and state.running:
            return
        now = self._clock.now()
        async with self._database.autocommit() as tx:
            if state is None:
                await self._sessions.fail(tx, session_id, LOST_BY_AGENT, now)
            else:
                await self._sessions.mark_ended(tx, state, now)
