"""Takes samples, keeps readings at the edges of bins, and closes bins.

Everything is safe to be done by any number of workers at once, and to be cut off at any point:
a reading is kept once, a bin is closed in one transaction by whoever holds its lease.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tenantry.compute.ports import AgentRegistry, Sample
from tenantry.errors import ConnectionError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.usage.live import CollectedSamples, reading_of
from tenantry.usage.model import (
    BIN,
    BINS,
    Mark,
    Reading,
    Span,
    Use,
    added,
    marks_between,
    month,
    seconds,
    total_at,
    uses,
)
from tenantry.usage.ports import ValkeyStatClient
from tenantry.usage.repository import EVERYBODY, UsageRepository
from tenantry.usage.spans import known_spans
from tenantry.users.access import Scope

logger = logging.getLogger(__name__)

GRACE = 60
"""Seconds after its end that a bin stays open, for the news of sessions that ended in it."""
SAMPLE_SECONDS = 10.0


@dataclass(frozen=True)
class CollectorState:
    """How the collection goes, for gauges and the readiness page."""

    live_reachable: bool = True
    agents_missed: tuple[str, ...] = ()
    sessions: int = 0
    closed_until: int | None = None
    gaps: int = 0
    """Bins closed by this worker whose IO is an estimate."""


class UsageCollector:
    """Collects usage from the agents."""

    def __init__(
        self,
        *,
        database: Database,
        usage_repository: UsageRepository,
        agent_registry: AgentRegistry,
        valkey_stat_client: ValkeyStatClient,
        clock: Clock,
    ) -> None:
        self._database = database
        self._usage = usage_repository
        self._agents = agent_registry
        self._live = CollectedSamples(valkey_stat_client)
        self._clock = clock
        self.state = CollectorState()

    async def run_forever(self, interval: float = 15.0) -> None:
        """Collect every few seconds; what fails is logged and done the next time."""
        while True:
            try:
                await self.run_once()
            except Exception:  # nothing may end this loop; the next round tries again
                logger.exception("usage could not be collected")
            await asyncio.sleep(interval)

    async def run_once(self) -> None:
        """One round: samples of all agents, then the bins that are due."""
        async with self._database.autocommit() as tx:
            now = seconds(self._clock.now())
            await self._usage.begin(tx, month(now).start, now)
            agents = await self._usage.agents(tx)
        missed, sessions = [], 0
        for agent in agents:
            try:
                sessions += await self.sample(agent)
            except (ConnectionError, TimeoutError):
                missed.append(agent)
        if missed != list(self.state.agents_missed):
            logger.info("no samples from these agents: %s", ", ".join(missed) or "none")
        self.state = replace(
            self.state,
            agents_missed=tuple(missed),
            sessions=sessions,
            live_reachable=self._live.reachable,
        )
        await self.close_due()

    async def sample(self, agent: str) -> int:
        """Sample an agent's sessions once; how many there are.

        The readings at edges are kept before the samples replace the earlier ones, so that
        being cut off in between only has them computed again.
        """
        async with asyncio.timeout(SAMPLE_SECONDS):
            samples = await self._agents.sample(agent)
        if samples:
            await self._keep_marks(samples)
            await self._live.put(samples)
        return len(samples)

    async def close_due(self, most: int = BINS) -> int:
        """Close bins that are due, the oldest first; how many this worker closed."""
        for closed in range(most):
            if not await self._close_next():
                return closed
        return most

    async def _keep_marks(self, samples: Sequence[Sample]) -> None:
        earlier = await self._live.readings([sample.id for sample in samples])
        missing = [sample.id for sample in samples if sample.id not in earlier]
        if missing:
            now = seconds(self._clock.now())
            async with self._database.autocommit() as tx:
                earlier |= await self._usage.anchors(tx, missing, month(now).start, now)
        marks = [
            mark
            for sample in samples
            if sample.id in earlier
            for mark in marks_between(sample.id, earlier[sample.id], reading_of(sample))
        ]
        if not marks:
            return
        async with self._database.transaction() as tx:
            # Held until the commit: a bin that is being closed must not miss a reading that the
            # next bin then starts from.
            closed_until = await self._usage.hold_progress(tx) or 0
            fresh = [mark for mark in marks if mark.bin >= closed_until]
            await self._usage.add_marks(tx, fresh)

    async def _close_next(self) -> bool:
        now = seconds(self._clock.now())
        async with self._database.transaction() as tx:
            closed_until = await self._usage.lease_progress(tx)
            if closed_until is None:
                return False
            # What is older than the month will never be shown.
            start = max(closed_until, month(now).start)
            end = start + BIN
            if now < end + GRACE:
                return False
            await self._usage.ensure_partition(tx, start)
            spans = await known_spans(
                tx, self._usage, self._live, since=start, until=end, scope=Scope()
            )
            marks = [_mark(span, end) for span in spans if span.needs_reading(end)]
            users, tenants = _sums(spans, start)
            await self._usage.add_marks(tx, marks)
            await self._usage.add_user_bins(tx, start, users)
            await self._usage.add_tenant_bins(tx, start, tenants)
            await self._usage.move_progress(tx, end)
        self._note(end, tenants)
        await self._live.drop([span.id for span in spans if span.ended and span.ended <= end])
        return True

    def _note(self, end: int, tenants: dict[UUID, Use]) -> None:
        gap = EVERYBODY in tenants and tenants[EVERYBODY].estimated
        if gap:
            logger.info("samples were missing; the IO of the bin up to %s is an estimate", end)
        self.state = replace(self.state, closed_until=end, gaps=self.state.gaps + gap)


def _mark(span: Span, edge: int) -> Mark:
    """The reading at the end of a bin as far as it is known; the next bin starts from it."""
    found = total_at(span.readings, edge)
    reading = Reading(edge, found.read, found.write, found.disk)
    return Mark(span.id, edge - BIN, reading, estimated=not span.reaches(edge))


def _sums(
    spans: Iterable[Span], start: int
) -> tuple[dict[tuple[UUID, UUID], Use], dict[UUID, Use]]:
    """What a bin came to, by tenant and user, and by tenant; everybody under the id of zeros."""
    bins = range(start, start + BIN, BIN)
    by_user: dict[tuple[UUID, UUID], list[Use]] = defaultdict(list)
    by_tenant: dict[UUID, list[Use]] = defaultdict(list)
    for span in spans:
        known = replace(span, estimated=span.estimated or not span.reaches(start + BIN))
        for _, use in uses(known, bins, start + BIN):
            by_user[span.tenant_id, span.user_id].append(use)
            by_tenant[span.tenant_id].append(use)
            by_tenant[EVERYBODY].append(use)
    users = {key: added(found) for key, found in by_user.items()}
    return users, {key: added(found) for key, found in by_tenant.items()}
