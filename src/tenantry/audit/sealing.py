"""Seals what was committed, segment by segment, in any number of processes at once.

An entry has the position of its transaction. Before the horizon every transaction has ended, so
a segment that ends there, or before, misses no entry that a slow transaction commits later.
Whoever seals takes the number after the last; of two who do it at once, one finds it taken.
"""

import asyncio
import logging

from tenantry.audit.chain import Seal, sealed
from tenantry.audit.ports import Anchor
from tenantry.audit.seals import SealRepository
from tenantry.errors import ConfigurationError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Row, Transaction

MOST = 2000
logger = logging.getLogger(__name__)


class AuditSealer:
    """Puts seals on the chain, and remembers the head where the database cannot change it."""

    def __init__(
        self,
        *,
        database: Database,
        seal_repository: SealRepository,
        anchor: Anchor,
        clock: Clock,
        most: int = MOST,
    ) -> None:
        self._database = database
        self._seals = seal_repository
        self._anchor = anchor
        self._clock = clock
        self._most = most
        self._known = 0

    async def seal_all(self) -> int:
        """Seal whatever can be sealed; how many entries that were."""
        total = 0
        while (entries := await self.seal_next()) is not None:
            total += entries
        return total

    async def seal_next(self) -> int | None:
        """Seal one segment; its number of entries, or None when there is nothing to seal.

        ConfigurationError when the chain is shorter than it was: sealing on would hide that.
        """
        async with self._database.autocommit() as tx:
            last = await self._seals.last(tx)
            number = last.seal.number if last else 0
            if number < self._known:
                message = f"The audit's chain ended with seal {self._known}, now with {number}."
                raise ConfigurationError(message)
            if last is not None and not (last.is_whole() and self._seals.is_signed(last)):
                # A seal on top of it would vouch for it.
                message = f"The audit's last seal, {number}, is not one of this installation."
                raise ConfigurationError(message)
            self._known = number
            seal = await self._next(tx, last.seal if last else None)
            if seal is None:
                return None
            if not await self._seals.add(tx, seal):
                return 0  # another process was quicker; the next segment may be ours
        await self.remember(seal)
        return seal.entries

    async def remember(self, seal: Seal) -> None:
        """Have the anchor, and this process, know the seal; a failing anchor is logged."""
        self._known = max(self._known, seal.number)
        try:
            await self._anchor.append(seal.number, seal.head())
        except ConfigurationError as error:
            logger.error("the audit's chain is not anchored: %s", error)

    async def _next(self, tx: Transaction, last: Seal | None) -> Seal | None:
        start = last.to_position if last else 0
        until = await self._seals.horizon(tx)
        rows = list(await self._seals.entries(tx, start, until, self._most))
        if not rows:
            return None
        if len(rows) == self._most:
            # A transaction's entries stay together, however many they are.
            until = rows[-1]["position"] + 1
            rows = _without_last(rows) + list(await self._seals.entries(tx, until - 1, until))
        now = self._clock.now()
        return await asyncio.to_thread(sealed, rows, previous=last, until=until, now=now)


def _without_last(rows: list[Row]) -> list[Row]:
    """The entries before those of the last position."""
    return [row for row in rows if row["position"] < rows[-1]["position"]]
