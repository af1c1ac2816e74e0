"""Answers what the last thirty days came to."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from tenantry.kernel.action import current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.usage.actions import (
    AdminMonthStatsAction,
    MonthStatsResult,
    UserMonthStatsAction,
)
from tenantry.usage.live import LiveSamples
from tenantry.usage.model import BIN, Use, added, month, seconds, shown, uses
from tenantry.usage.ports import ValkeyStatClient
from tenantry.usage.repository import EVERYBODY, UsageRepository
from tenantry.usage.spans import known_spans
from tenantry.users.access import Scope
from tenantry.users.model import UserKey


class UsageService:
    """Month statistics: closed bins from the records, those not closed yet from the sessions."""

    def __init__(
        self,
        *,
        database: Database,
        usage_repository: UsageRepository,
        valkey_stat_client: ValkeyStatClient,
        clock: Clock,
    ) -> None:
        self._database = database
        self._usage = usage_repository
        self._valkey = valkey_stat_client
        self._clock = clock

    async def user_month_stats(self, action: UserMonthStatsAction) -> MonthStatsResult:
        """A user's figures; UserNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            key = UserKey.of(user=action.user_id)
            user_id = await self._usage.find_user(tx, key, scope)
            return await self._month(tx, Scope(scope.tenant_id, user_id))

    async def admin_month_stats(self, action: AdminMonthStatsAction) -> MonthStatsResult:
        """The figures of the actor's tenant, or of everybody."""
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            return await self._month(tx, scope)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """For a purge: what the user used stays in the sums, as that of nobody in particular."""
        await self._usage.forget(tx, user_id)

    async def _month(self, tx: Transaction, scope: Scope) -> MonthStatsResult:
        """Bins closed before a certain time, then those after it: none is missed or counted twice.

        A bin that is closed while this reads is taken from the sessions all the same.
        """
        now = seconds(self._clock.now())
        bins = month(now)
        closed_until = await self._usage.closed_until(tx)
        opened = max(bins.start, min(closed_until or bins.start, bins.stop - BIN))
        found = await self._closed(tx, scope, bins.start, opened)
        live = LiveSamples(self._valkey)
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
