"""What every server does for the audit all the time: seal, forget, drop what is due."""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta

from tenantry.audit import installation
from tenantry.audit.keys import PersonKeys
from tenantry.audit.ports import Cipher
from tenantry.audit.repository import AuditRepository
from tenantry.audit.retention import AuditRetentionService
from tenantry.audit.sealing import AuditSealer
from tenantry.audit.seals import SealRepository
from tenantry.errors import TenantryError
from tenantry.kernel.clock import EPOCH, Clock
from tenantry.kernel.transaction import Database

LATE = timedelta(days=1)
"""How long after a purge keys of the person are looked for that were written meanwhile."""
logger = logging.getLogger(__name__)


class AuditUpkeep:
    """Runs beside the requests; what fails is logged and tried again."""

    def __init__(
        self,
        *,
        database: Database,
        audit_repository: AuditRepository,
        seal_repository: SealRepository,
        keys: PersonKeys,
        cipher: Cipher,
        sealer: AuditSealer,
        retention_service: AuditRetentionService,
        seconds: float,
        clock: Clock,
    ) -> None:
        self._database = database
        self._repository = audit_repository
        self._seals = seal_repository
        self._keys = keys
        self._cipher = cipher
        self._retention = retention_service
        self._seconds = seconds
        self._clock = clock
        self._sealer = sealer

    async def run_forever(self) -> None:
        """Seal every so many seconds; once a day look after everything else."""
        due = self._clock.now()
        while True:
            if self._clock.now() >= due:
                due = self._clock.now() + timedelta(days=1)
                await _tried(self.destroy_late_keys(whole=True))
                await _tried(self.rewrap())
                await _tried(self._retention.drop_due())
            await _tried(self.destroy_late_keys(whole=False))
            await _tried(self._sealer.seal_all())
            await asyncio.sleep(self._seconds)

    async def destroy_late_keys(self, *, whole: bool) -> int:
        """Destroy keys of purged persons that came late, or ``whole``, back with a backup."""
        since = EPOCH if whole else self._clock.now() - LATE
        async with self._database.autocommit() as tx:
            return await self._repository.destroy_late_keys(tx, since)

    async def rewrap(self) -> int:
        """Wrap all keys of persons with today's key of the installation; how many were not."""
        async with self._database.autocommit() as tx:
            months = await self._seals.months(tx)
        database, current_id = self._database, self._cipher.current_id
        return sum(
            [
                await installation.rewrap(
                    database, self._repository, self._keys, current_id, one.month
                )
                for one in months
            ]
        )


async def _tried(work: Awaitable[object]) -> None:
    """Do a part of it; what fails is logged, and tried again in its turn."""
    try:
        await work
    except TenantryError as error:
        logger.error("the audit's upkeep: %s", error)
    except Exception:  # nothing may end the loop, nor keep the other parts from their turn
        logger.exception("the audit's upkeep failed")
