"""The quota of a user's resource policy: how many bytes all vfolders of the user may hold.

Nobody stands between a session and the files it writes, so what is used is measured, and who has
used up the quota gets nothing more to write to until it is less. See decision 0029.
"""

import logging
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from tenantry.errors import StateConflict, TenantryError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.storage.deletion import answering
from tenantry.storage.model import Quota
from tenantry.storage.ports import FolderUsage, StorageManager
from tenantry.storage.repository import FolderRepository

logger = logging.getLogger(__name__)

FRESH = timedelta(minutes=1)
"""For how long a measure is good enough to decide with."""


class Quotas:
    """Measures folders, and holds their owners to the quota."""

    def __init__(
        self,
        *,
        database: Database,
        storage_manager: StorageManager,
        folder_repository: FolderRepository,
        clock: Clock,
        patience: float = 10.0,
    ) -> None:
        self._database = database
        self._storage = storage_manager
        self._folders = folder_repository
        self._clock = clock
        self._patience = patience

    async def measure(self, folder_id: UUID, host: str, patience: float) -> FolderUsage:
        """Look at every file of a folder and note what it holds; ConnectionError, StateConflict."""
        async with answering(patience):
            found = await self._storage.folder_usage(host, folder_id)
        async with self._database.autocommit() as tx:
            await self._folders.set_used(tx, folder_id, found.bytes, self._clock.now())
        return found

    async def refresh(self, owner_ids: Collection[UUID]) -> None:
        """Measure what counts for owners who have a quota; outside any transaction.

        A folder that cannot be measured counts as it did the last time.
        """
        async with self._database.autocommit() as tx:
            stale = await self._folders.to_measure(tx, owner_ids, self._clock.now() - FRESH)
        for folder_id, host in stale:
            try:
                await self.measure(folder_id, host, self._patience)
            except TenantryError as error:
                logger.warning("vfolder %s cannot be measured: %s", folder_id, error)

    async def of(self, tx: Transaction, owner_id: UUID) -> Quota:
        """The owner's quota and what was measured last."""
        return await self._folders.quota(tx, owner_id)

    async def require_room(
        self, tx: Transaction, owner_id: UUID, *, more: int = 0, field: str
    ) -> None:
        """StateConflict unless the owner's quota leaves room for something, and for so much."""
        quota = await self.of(tx, owner_id)
        if not quota.has_room(more):
            message = (
                f"The resource policy allows {quota.limit} bytes in vfolders, those in trash "
                f"included, and {quota.used + more} would be or are used."
            )
            raise StateConflict(message, field=field, maximum=quota.limit, used=quota.used)
