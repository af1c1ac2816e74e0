"""The part of a user's purge that is about vfolders."""

from collections.abc import Iterable
from uuid import UUID

from tenantry.errors import UserPurgeFailure
from tenantry.kernel.transaction import Database, Transaction
from tenantry.storage.companion import VfolderCompanion
from tenantry.storage.model import LeftFolder, VfolderData, VfolderStatus
from tenantry.storage.ports import Mounts
from tenantry.storage.repository import FolderRepository
from tenantry.users.purging import Outcome, Outside, PurgeOrder


class VfolderPurge:
    """Implements ``PurgeStep``: shared folders are handed over or deleted, the others deleted."""

    name = "vfolders"

    def __init__(
        self,
        *,
        database: Database,
        folder_repository: FolderRepository,
        companion: VfolderCompanion,
        mounts: Mounts,
    ) -> None:
        self._database = database
        self._folders = folder_repository
        self._companion = companion
        self._mounts = mounts

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """What goes to whom; UserPurgeFailure while somebody else's session mounts a folder."""
        owned = await self._companion.owned(tx, order.user_id)
        ids = [folder.id for folder in owned]
        if ids and await self._mounts.mounted_by_others(tx, ids, order.user_id):
            message = "A compute session of somebody else mounts a vfolder of the user."
            raise UserPurgeFailure(message, field="user")
        shared = _required_heir(owned, order)
        return _outcome(LeftFolder(f.id, f.name, f.id in shared) for f in owned)

    async def perform(self, order: PurgeOrder) -> Outcome:
        """Hand over and delete; the outcome is whole also where an earlier attempt did a part."""
        async with self._database.transaction() as tx:
            shared = _required_heir(await self._companion.owned(tx, order.user_id), order)
            if shared and order.receiver_id is not None:
                await self._companion.hand_over_shared(tx, order.user_id, order.receiver_id)
        await self._companion.delete_all(order.user_id)
        async with self._database.autocommit() as tx:
            return _outcome(await self._folders.left_by(tx, order.user_id))

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """The folders that were deleted."""
        return Outside(folders=await self._folders.gone(tx, user_id))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the records and the shares."""
        await self._companion.forget(tx, user_id)


def _required_heir(owned: Iterable[VfolderData], order: PurgeOrder) -> set[UUID]:
    """The folders that go to the heir; UserPurgeFailure where there are such and no heir."""
    if order.purge_shared_vfolders:
        return set()
    shared = {f.id for f in owned if f.status is VfolderStatus.READY and f.shares}
    if shared and order.receiver_id is None:
        raise UserPurgeFailure(
            "The user shares vfolders, and nobody is named who takes them over; name somebody, or "
            "have them deleted.",
            field="purge_shared_vfolders",
        )
    return shared


def _outcome(folders: Iterable[LeftFolder]) -> Outcome:
    outcome: Outcome = {"handed_over": [], "deleted": []}
    for folder in sorted(folders, key=lambda folder: (folder.name, folder.id)):
        place = "handed_over" if folder.handed_over else "deleted"
        outcome[place].append({"id": str(folder.id), "name": folder.name})
    return outcome
