"""Writes down in batches that sessions are in use, which were let in from memory."""

import asyncio
import logging

from tenantry.errors import TenantryError
from tenantry.kernel.transaction import Database
from tenantry.sessions.memory import SessionMemory
from tenantry.sessions.repository import SessionRepository

EVERY_SECONDS = 5.0
BATCH = 1000

logger = logging.getLogger(__name__)


class SessionUpkeep:
    """Done by every server for the sessions that it has in memory."""

    def __init__(
        self, *, database: Database, session_repository: SessionRepository, memory: SessionMemory
    ) -> None:
        self._database = database
        self._sessions = session_repository
        self._memory = memory

    async def run_forever(self) -> None:
        """Write down what is due every few seconds, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                await self._tried()
        finally:
            await self._tried()

    async def write_down(self) -> int:
        """Write down all uses that are not yet; how many sessions it were."""
        used = self._memory.used
        for start in range(0, len(used), BATCH):
            batch = used[start : start + BATCH]
            async with self._database.autocommit() as tx:
                await self._sessions.touch_many(tx, [(k.session, k.seen_at) for k in batch])
            self._memory.written_down(batch)
        return len(used)

    async def _tried(self) -> None:
        try:
            await self.write_down()
        except TenantryError as error:
            logger.warning("the use of sessions could not be written down: %s", error)
