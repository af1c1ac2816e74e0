"""How long entries are kept: whole months are dropped, and the chain says that they were."""

from collections.abc import Sequence

from tenantry.audit.actions import (
    ApplyAuditRetentionAction,
    AuditRetention,
    RetainedMonth,
    ShowAuditRetentionAction,
)
from tenantry.audit.chain import dropping
from tenantry.audit.months import Month
from tenantry.audit.sealing import AuditSealer
from tenantry.audit.seals import MonthOfEntries, SealRepository
from tenantry.errors import StateConflict
from tenantry.kernel.action import Note
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database


class AuditRetentionService:
    """Drops months that are older than what is kept; ``keep_months`` None keeps all."""

    def __init__(
        self,
        *,
        database: Database,
        seal_repository: SealRepository,
        sealer: AuditSealer,
        keep_months: int | None,
        clock: Clock,
    ) -> None:
        self._database = database
        self._seals = seal_repository
        self._sealer = sealer
        self._keep_months = keep_months
        self._clock = clock

    async def show(self, action: ShowAuditRetentionAction) -> AuditRetention:
        """The months that there are; changes nothing."""
        return await self._shown([])

    async def apply(self, action: ApplyAuditRetentionAction) -> AuditRetention:
        """Drop what is due, a month at a time; StateConflict while some of it waits for a seal."""
        return await self._shown(await self.drop_due())

    async def drop_due(self) -> list[str]:
        """Drop the months that are due, oldest first; their names."""
        async with self._database.autocommit() as tx:
            months = await self._seals.months(tx)
        due = [one.month for one in months if self._is_due(one)]
        if due:
            await self._sealer.seal_all()
        for month in due:
            await self._drop(month)
        return [month.name for month in due]

    async def _drop(self, month: Month) -> None:
        """One transaction: the seal that says so, the audit entry, and the drop itself."""
        async with self._database.transaction() as tx:
            last = await self._seals.last(tx)
            if last is None:
                raise StateConflict("The audit has no seal yet; months are dropped after it.")
            seal = dropping(month, previous=last.seal, now=self._clock.now())
            if not await self._seals.add(tx, seal):
                raise StateConflict("The audit was just being sealed; try again.")
            await self._seals.drop_month(tx, month)
            tx.note(Note(target=month.name, changes={"month": (month.name, None)}))
        await self._sealer.remember(seal)

    async def _shown(self, dropped: list[str]) -> AuditRetention:
        async with self._database.autocommit() as tx:
            months: Sequence[MonthOfEntries] = await self._seals.months(tx)
        shown = [
            RetainedMonth(
                month=one.month.name,
                entries=one.entries,
                bytes=one.bytes,
                due=self._is_due(one),
            )
            for one in months
        ]
        return AuditRetention(keep_months=self._keep_months, months=shown, dropped=dropped)

    def _is_due(self, one: MonthOfEntries) -> bool:
        if self._keep_months is None:
            return False
        return one.month < Month.of(self._clock.now()).plus(-self._keep_months)
