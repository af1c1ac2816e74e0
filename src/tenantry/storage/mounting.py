"""What the compute sessions need of the vfolders; made before them, so that nothing goes round."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.errors import VfolderNotFound
from tenantry.kernel.transaction import Transaction
from tenantry.storage.ports import StorageManager
from tenantry.storage.repository import FolderRepository


class FolderPaths:
    """Says where the folders are that a user mounts."""

    def __init__(
        self, *, storage_manager: StorageManager, folder_repository: FolderRepository
    ) -> None:
        self._storage = storage_manager
        self._folders = folder_repository

    async def mount_paths(
        self, tx: Transaction, user_id: UUID, folder_ids: Sequence[UUID]
    ) -> list[str]:
        """The paths in the order given; VfolderNotFound unless the user may mount each now.

        Until the end of the transaction none of them can go into the trash.
        """
        hosts = await self._folders.mountable(tx, user_id, folder_ids)
        for folder_id in folder_ids:
            if folder_id not in hosts:
                message = f"There is no vfolder {folder_id} that can be mounted."
                raise VfolderNotFound(message, field="folders")
        return [await self._storage.folder_path(hosts[f], f) for f in folder_ids]
