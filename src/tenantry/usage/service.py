"""Answers what the last thirty days came to."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.usage.live import LiveSamples
from tenantry.usage.model import BIN, Use, added, month, seconds, shown, uses
from tenantry.usage.repository import EVERYBODY, UsageRepository
from tenantry.usage.spans import known_spans
from tenantry.users.access import Scope
from tenantry.users.ports import SampleStore
from tenantry.users.statistics import MonthStatsResult


class UsageService:
    """Month statistics: closed bins from the records, those not closed yet from the sessions."""

    def __init__(self, *, usage_repository: UsageRepository, clock: Clock) -> None:
        self._usage = usage_repository
        self._clock = clock

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """For a purge: what the user used stays in the sums, as that of nobody in particular."""
        await self._usage.forget(tx, user_id)

    async def month(self, tx: Transaction, scope: Scope, samples: SampleStore) -> MonthStatsResult:
        """The figures of a user, a tenant or everybody.

        Bins closed before a certain time, then those after it: none is missed or counted twice.
        A bin that is closed while this reads is taken from the sessions all the same.
        """
        now = seconds(self._clock.now())
        bins = month(now)
        closed_until = await self._usage.closed_until(tx)
        opened = max(bins.start, min(closed_until or bins.start, bins.stop - BIN))
        found = await self._closed(tx, scope, bins.start, opened)
        live = LiveSamples(samples)
        spans = await known_spans(tx, self._usage, live, since=opened, until=now, scope=scope)
        open_bins = range(opened, bins.stop, BIN)
        found += [pair for span in spans for pair in uses(span, open_bins, now)]
        return _result(bins, found, live=live.reachable)

    async def _closed(
        self, tx: Transaction, scope: Scope, since: int, until: int
    ) -> list[tuple[int, Use]]:
        if scope.user_id is not None:
            return await self._usage.user_bins(tx, scope.user_id, since, until, scope.tenant_id)
        tenant_id = scope.tenant_id or EVERYBODY
        return await self._usage.tenant_bins(tx, tenant_id, since, until)


def _result(bins: range, found: Iterable[tuple[int, Use]], *, live: bool) -> MonthStatsResult:
    by_bin: dict[int, list[Use]] = defaultdict(list)
    for start, use in found:
        by_bin[start].append(use)
    sums = {start: uses[0] if len(uses) == 1 else added(uses) for start, uses in by_bin.items()}
    nothing = Use()
    return MonthStatsResult(
        stats=[shown(start, sums.get(start, nothing)) for start in bins],
        gaps=[float(start) for start in sorted(sums) if sums[start].estimated],
        live=live,
    )
