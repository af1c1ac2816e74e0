"""Has servers enforce what is granted: at once when something changes, and again after a crash.

The log of changes is the outbox. A managed database remembers up to which change its server has
followed; whatever came since is due. One worker at a time has a server, by a lease that ends by
itself. Whoever finds the wanted state as it was leaves the server alone.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tenantry.databases.adopted import Adopted, as_before, had_by
from tenantry.databases.differences import differences_in
from tenantry.databases.enforcement_repository import (
    EnforcementRepository,
    Snapshot,
    digest_of,
)
from tenantry.databases.managed import ManagedDatabase
from tenantry.databases.model import FoundState, Plan, Policy, Step, WantedState
from tenantry.databases.planning import diff
from tenantry.databases.ports import Alarm, DatabaseConnector, Progress
from tenantry.databases.refusals import refused
from tenantry.databases.reports import labels_of
from tenantry.databases.servers import Servers
from tenantry.databases.wanted import Holdings, next_boundary, wanted_state
from tenantry.errors import StateConflict, TenantryError
from tenantry.jobs.model import pause_after
from tenantry.kernel.action import SYSTEM, Note, acting_as
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database

LEASE = timedelta(seconds=30)
BEAT = timedelta(seconds=1)
MOST_STATEMENTS = 200
"""So many statements of one apply stand in its audit entry; how many there were, always."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an attempt did: the plan, whom it is about, when it was done, and who was put out."""

    plan: Plan
    labels: Mapping[str, str]
    at: datetime
    ended: Mapping[str, int]
    """How many open connections of whom were ended, by the names that people know."""


class Enforcement:
    """Compares servers with what is granted, and makes them follow."""

    def __init__(
        self,
        *,
        database: Database,
        enforcement_repository: EnforcementRepository,
        servers: Servers,
        clock: Clock,
    ) -> None:
        self._database = database
        self._enforcement = enforcement_repository
        self._servers = servers
        self._clock = clock
        self._alarms: list[Alarm] = []

    def add_alarm(self, alarm: Alarm) -> None:
        """Have it told when a server has drifted anew, or does not follow any more."""
        self._alarms.append(alarm)

    async def snapshot(self, managed: ManagedDatabase) -> Snapshot:
        """What counts in the database now, whoever asks: also what is behind other walls."""
        with acting_as(SYSTEM):
            return await self._snapshot(managed)

    async def _snapshot(self, managed: ManagedDatabase) -> Snapshot:
        async with self._database.autocommit() as tx:
            return await self._enforcement.snapshot(tx, managed)

    def _policy(self, managed: ManagedDatabase, adopted: Iterable[Adopted]) -> Policy:
        """What a plan may do there."""
        return Policy(
            allow_wider=managed.allow_wider,
            close_public=managed.close_public,
            take_ownership=managed.take_ownership,
            reopen=frozenset(one.name for one in adopted if one.locked),
        )

    async def planned(
        self,
        managed: ManagedDatabase,
        connector: DatabaseConnector,
        wanted: WantedState,
        found: FoundState,
        adopted: Iterable[Adopted],
    ) -> Plan:
        """What brings the server to what is wanted. Seconds of work where it is much: others are
        served meanwhile.
        """
        policy = self._policy(managed, adopted)
        return await asyncio.to_thread(diff, wanted, found, connector.dialect, policy)

    async def attempt(self, managed: ManagedDatabase) -> Applied | None:
        """Have the server follow; None where another worker has it, or nothing was to be done.

        One that is enforced no longer loses all that is ours. What fails is remembered and tried
        again, later each time; it is raised, too. Whoever asks for it, all tenants' users count.
        """
        with acting_as(SYSTEM):
            return await self._attempt(managed)

    async def _attempt(self, managed: ManagedDatabase) -> Applied | None:
        lease, now = uuid4(), self._clock.now()
        async with self._database.autocommit() as tx:
            if not await self._enforcement.claim(tx, managed.id, lease, now, now + LEASE):
                return None
            snapshot = await self._enforcement.snapshot(tx, managed)
            state = await self._enforcement.state(tx, managed.id)
        adopted = snapshot.holdings.adopted
        wanted, boundary, digest = await asyncio.to_thread(
            _decided, snapshot.holdings, now, enforced=state.enforced
        )
        if digest == state.wanted_digest and not state.requested:
            async with self._database.autocommit() as tx:
                await self._enforcement.keep(tx, managed.id, lease, snapshot.version, boundary)
            return None
        try:
            connector = await self._servers.connector(managed)
            found = await connector.inspect(managed.id, [one.name for one in adopted])
            if not state.enforced:
                wanted = as_before(managed.id, adopted, found)
            plan = await self.planned(managed, connector, wanted, found, adopted)
            await self._remember(managed.id, lease, plan, adopted, found)
            plan = await self._end_later(managed.id, lease, plan, state.unended)
            progress = self._progress(managed.id, lease, len(plan.steps))
            ended = await connector.apply(managed.id, plan, progress)
        except (TenantryError, OSError, TimeoutError) as error:
            await self._fail(managed, lease, error)
            raise
        labels = labels_of(wanted, snapshot.labels)
        now = self._clock.now()
        put_out = await self._put_out(managed.id, ended, now)
        applied = Applied(plan, labels, now, put_out)
        async with self._database.autocommit() as tx:
            if state.enforced:
                kept = [one.name for one in wanted.principals if one.adopted and not one.locked]
                await self._enforcement.opened_again(tx, managed.id, kept)
            else:
                await self._enforcement.given_back(tx, managed.id)
        await self._succeed(managed, lease, snapshot.version, applied, digest, boundary)
        return applied

    async def compare(self, managed: ManagedDatabase) -> tuple[Plan, Mapping[str, str]]:
        """What an apply would do now, and what people call the principals."""
        plan, labels, _ = await self._compared(managed)
        return plan, labels

    async def _compared(
        self, managed: ManagedDatabase
    ) -> tuple[Plan, Mapping[str, str], WantedState]:
        snapshot = await self.snapshot(managed)
        adopted = snapshot.holdings.adopted
        wanted = await asyncio.to_thread(wanted_state, snapshot.holdings, self._clock.now())
        connector = await self._servers.connector(managed)
        found = await connector.inspect(managed.id, [one.name for one in adopted])
        plan = await self.planned(managed, connector, wanted, found, adopted)
        return plan, labels_of(wanted, snapshot.labels), wanted

    async def find_drift(self, managed: ManagedDatabase) -> tuple[Plan, Mapping[str, str]]:
        """The same; how much it is is remembered, and where that is news, the alarms go.

        A server out of reach is remembered, too, and left alone for a while.
        """
        try:
            plan, labels, wanted = await self._compared(managed)
        except (TenantryError, OSError, TimeoutError) as error:
            if managed.applied_at is not None:
                await self._fail(managed, None, error)
            raise
        found, digest, refusals = await asyncio.to_thread(
            lambda: (differences_in(plan.steps), digest_of(wanted), refused(plan.findings))
        )
        now = self._clock.now()
        async with self._database.autocommit() as tx:
            news = await self._enforcement.drifted(
                tx, managed.id, found, now, digest, managed.applied_at, refusals
            )
        if news and plan.steps:
            counts = sorted(found.counts.items())
            numbers = ", ".join(f"{count} {kind}" for kind, count in counts)
            mending = [f"{step.drift}: {step.statement};" for step in plan.steps]
            self._alarm(f"The server of database {managed.name} has drifted: {numbers}.", mending)
        return plan, labels

    def _alarm(self, said: str, particulars: Sequence[str]) -> None:
        logger.warning("%s", said)
        for alarm in self._alarms:
            alarm(said, particulars)

    async def _remember(
        self,
        database_id: UUID,
        lease: UUID,
        plan: Plan,
        adopted: Iterable[Adopted],
        found: FoundState,
    ) -> None:
        """What adopted ones had before us, and whom we are about to lock, before it is done."""
        fresh = {one.name for one in adopted if one.had is None} & found.principals.keys()
        locked = {step.locks for step in plan.steps if step.locks} & {one.name for one in adopted}
        if fresh or locked:
            had = {name: had_by(name, found) for name in sorted(fresh)}
            async with self._database.transaction() as tx:
                await self._enforcement.remember(tx, database_id, lease, had, sorted(locked))

    async def _end_later(
        self, database_id: UUID, lease: UUID, plan: Plan, unended: Sequence[str]
    ) -> Plan:
        """The plan, also for whom one that was broken off should have put out.

        It is written down before anything is done: a principal that is dropped, or has lost its
        rights, is in no later plan.
        """
        names = sorted({name for step in plan.steps for name in step.ends} | set(unended))
        if names:
            async with self._database.autocommit() as tx:
                if not await self._enforcement.end_later(tx, database_id, lease, names):
                    raise StateConflict("Another worker has taken this server over.")
        return replace(plan, ends=tuple(unended))

    async def _put_out(
        self, database_id: UUID, ended: Mapping[str, int], now: datetime
    ) -> dict[str, int]:
        """Remember it for the receipts of purges. The answer is the same by usernames; who was
        purged has none any more, and keeps the generated one.
        """
        if not ended:
            return {}
        async with self._database.autocommit() as tx:
            await self._enforcement.remember_ended(tx, database_id, ended, now)
            called = await self._enforcement.usernames(tx, database_id, sorted(ended))
        return {called.get(name, name): count for name, count in sorted(ended.items())}

    def _progress(self, database_id: UUID, lease: UUID, total: int) -> Progress:
        """Keep the lease and count, each second at most."""
        done, told_at = 0, self._clock.now() - BEAT

        async def after(_: Step) -> None:
            nonlocal done, told_at
            done += 1
            now = self._clock.now()
            if now - told_at < BEAT:
                return
            told_at = now
            async with self._database.autocommit() as tx:
                until = now + LEASE
                if not await self._enforcement.advance(tx, database_id, lease, until, done, total):
                    raise StateConflict("Another worker has taken this server over.")

        return after

    async def _succeed(
        self,
        managed: ManagedDatabase,
        lease: UUID,
        version: int,
        applied: Applied,
        digest: bytes,
        boundary: datetime | None,
    ) -> None:
        """Remember it; what was run on the server stands in the audit."""
        statements = [step.statement for step in applied.plan.steps]
        told = statements or applied.ended
        refusals = await asyncio.to_thread(refused, applied.plan.findings)
        opened = self._database.transaction if told else self._database.autocommit
        async with opened() as tx:
            await self._enforcement.succeed(
                tx,
                managed.id,
                lease,
                version,
                applied.at,
                digest,
                boundary,
                refusals,
            )
            if told:
                said: dict[str, tuple[object, object]] = {
                    "steps": (None, len(statements)),
                    "statements": (None, statements[:MOST_STATEMENTS]),
                }
                if applied.ended:
                    said["connections_ended"] = (None, dict(applied.ended))
                tx.note(Note(managed.name, managed.id, None, said))

    async def _fail(self, managed: ManagedDatabase, lease: UUID | None, error: Exception) -> None:
        said = str(error) if isinstance(error, TenantryError) else type(error).__name__
        async with self._database.autocommit() as tx:
            state = await self._enforcement.state(tx, managed.id)
            now = self._clock.now()
            retry_at = now + pause_after(state.failures + 1)
            await self._enforcement.fail(tx, managed.id, lease, retry_at, said, now)
        if not state.failures:
            self._alarm(f"The server of database {managed.name} does not follow.", [said])


def _decided(
    holdings: Holdings, now: datetime, *, enforced: bool
) -> tuple[WantedState, datetime | None, bytes]:
    """What the server is to enforce, until when that holds, and what tells it from another."""
    wanted = wanted_state(holdings, now) if enforced else WantedState(holdings.scope)
    return wanted, next_boundary(holdings, now), digest_of(wanted)
