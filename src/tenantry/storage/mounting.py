"""What the compute sessions need of the vfolders; made before them, so that nothing goes round."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.compute.limits import MOUNT
from tenantry.compute.ports import Mount
from tenantry.errors import InvalidInput, VfolderNotFound
from tenantry.kernel.transaction import Database, Transaction
from tenantry.storage.model import Mountable, SharePermission
from tenantry.storage.names import free_name, lookup_key
from tenantry.storage.ports import StorageManager
from tenantry.storage.quota import Quotas
from tenantry.storage.repository import FolderRepository
from tenantry.users.model import is_uuid
from tenantry.users.names import fold


class FolderMounts:
    """Says which folders a user mounts, and how."""

    def __init__(
        self,
        *,
        database: Database,
        storage_manager: StorageManager,
        folder_repository: FolderRepository,
        quotas: Quotas,
    ) -> None:
        self._database = database
        self._storage = storage_manager
        self._folders = folder_repository
        self._quotas = quotas

    async def identify(self, tx: Transaction, user_id: UUID, named: Sequence[str]) -> list[UUID]:
        """The folders meant by names or ids: an own one before a shared one of the same name.

        VfolderNotFound unless the user may mount each now; InvalidInput where several shared ones
        bear the name; StateConflict where the keypair policy lets nobody mount anything of that
        host. Until the end of the transaction none of them can go into the trash.
        """
        ids = [UUID(text.strip()) for text in named if is_uuid(text.strip())]
        keys = [lookup_key(text) for text in named if not is_uuid(text.strip())]
        found = await self._folders.mountable(tx, user_id, ids, keys)
        chosen = [_meant(text, found) for text in named]
        if limits := await self._folders.limits(tx, user_id) if chosen else None:
            for folder in chosen:
                limits.require_host(folder.host, MOUNT, "folders")
        return [folder.id for folder in chosen]

    async def mounts(self, user_id: UUID, folder_ids: Sequence[UUID]) -> list[Mount]:
        """How each is mounted, in the order given: under its name, and as it is shared.

        VfolderNotFound unless the user may mount each now; StateConflict for a writable one whose
        owner has used up the quota. Outside any transaction: it may measure.
        """
        async with self._database.autocommit() as tx:
            found = await self._folders.mountable(tx, user_id, folder_ids, [])
        chosen = [_meant(str(folder_id), found) for folder_id in folder_ids]
        owners = {f.owner_id for f in chosen if f.permission is SharePermission.WRITE}
        await self._quotas.refresh(owners)
        async with self._database.autocommit() as tx:
            for owner_id in owners:
                await self._quotas.require_room(tx, owner_id, field="folders")
        mounts: list[Mount] = []
        for folder in chosen:
            # The id is nobody's name: no folder may have one that looks like it.
            name = free_name(folder.name, folder.id, [fold(mount.name) for mount in mounts])
            path = await self._storage.folder_path(folder.host, folder.id)
            read_only = folder.permission is SharePermission.READ
            mounts.append(Mount(path=path, name=name or str(folder.id), read_only=read_only))
        return mounts


def _meant(named: str, found: Sequence[Mountable]) -> Mountable:
    text = named.strip()
    if is_uuid(text):
        candidates = [folder for folder in found if folder.id == UUID(text)]
    else:
        candidates = [folder for folder in found if fold(folder.name) == lookup_key(text)]
        candidates = [folder for folder in candidates if folder.is_own] or candidates
    if not candidates:
        message = f"There is no vfolder {text[:64]} that can be mounted."
        raise VfolderNotFound(message, field="folders")
    if len(candidates) > 1:
        message = f"several vfolders are called {text[:64]}; give the id"
        raise InvalidInput.of("folders", "ambiguous", message)
    return candidates[0]
