"""Removes what is old from the log of changes; whoever has not read it by then loads anew."""

import asyncio
import logging
from datetime import timedelta

from tenantry.changes.log import ChangeLog
from tenantry.errors import TenantryError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database

KEPT = timedelta(hours=1)
"""Servers read every second. One that was away for longer begins with nothing in memory."""
EVERY = timedelta(minutes=5)
BATCH = 10_000
"""So many at once: a long deletion would hold up nothing, but bloat the index."""

logger = logging.getLogger(__name__)


class ChangeRetention:
    """Done by every server; what another has removed is not there any more."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run_forever(self) -> None:
        """Remove what is due, every few minutes; what fails is tried again in its turn."""
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            try:
                await self.remove_old()
            except TenantryError as error:
                logger.error("old changes could not be removed: %s", error)
            except Exception:  # nothing may end this loop
                logger.exception("old changes could not be removed")

    async def remove_old(self) -> int:
        """Remove what is older than is kept; how much it was."""
        removed = 0
        while True:
            async with self._database.autocommit() as tx:
                batch = await ChangeLog.forget(tx, self._clock.now() - KEPT, BATCH)
            removed += batch
            if batch < BATCH:
                return removed
