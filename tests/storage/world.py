"""The slice of vfolders put together over an app, as the app itself does it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from tenantry.app import App
from tenantry.kernel.processor import Runner
from tenantry.kernel.transaction import Transaction
from tenantry.storage.actions import (
    CreateVfolderAction,
    DeleteVfolderAction,
    GetVfolderAction,
    PurgeVfolderAction,
    ShareVfolderAction,
)
from tenantry.storage.companion import VfolderCompanion
from tenantry.storage.deletion import Deletions
from tenantry.storage.model import SharePermission, VfolderData
from tenantry.storage.mounting import FolderMounts
from tenantry.storage.ports import StorageManager
from tenantry.storage.processors import VfolderProcessors
from tenantry.storage.purge import VfolderPurge
from tenantry.storage.quota import Quotas
from tenantry.storage.repository import FolderRepository
from tenantry.storage.service import StorageService
from tenantry.users.access import RoleGuard
from tenantry.users.model import UserData

HOST = "local"


@dataclass
class FakeMounts:
    """Compute sessions as far as vfolders care for them."""

    folders: set[UUID] = field(default_factory=set)

    async def mounted_by_others(
        self, tx: Transaction, folder_ids: Collection[UUID], user_id: UUID
    ) -> list[UUID]:
        return [folder_id for folder_id in folder_ids if folder_id in self.folders]


class Vfolders:
    """The slice, put together as the app does it."""

    def __init__(self, app: App, storage: StorageManager, *, patience: float = 5.0) -> None:
        self.app = app
        self.storage = storage
        self.mounts = FakeMounts()
        repository = FolderRepository()
        self.deletions = Deletions(
            database=app.database,
            storage_manager=storage,
            folder_repository=repository,
            clock=app.clock,
            patience=patience,
        )
        quotas = Quotas(
            database=app.database,
            storage_manager=storage,
            folder_repository=repository,
            clock=app.clock,
            patience=patience,
        )
        self.service = StorageService(
            database=app.database,
            storage_manager=storage,
            folder_repository=repository,
            deletions=self.deletions,
            mounts=self.mounts,
            quotas=quotas,
            clock=app.clock,
            cursor_key=b"k" * 32,
            patience=patience,
        )
        self.to_mount = FolderMounts(
            database=app.database,
            storage_manager=storage,
            folder_repository=repository,
            quotas=quotas,
        )
        self.companion = VfolderCompanion(
            database=app.database,
            folder_repository=repository,
            deletions=self.deletions,
            clock=app.clock,
        )
        self.step = VfolderPurge(
            database=app.database,
            folder_repository=repository,
            companion=self.companion,
            mounts=self.mounts,
        )
        run = Runner(app.action_monitors, RoleGuard(), app.clock)
        self.run = VfolderProcessors(storage_service=self.service, run=run)

    async def make(self, name: str, owner: UserData) -> VfolderData:
        """A folder of this user."""
        action = CreateVfolderAction(name, owner=owner.username)
        return (await self.run.create.wait_for_complete(action)).data

    async def get(self, folder: VfolderData) -> VfolderData:
        """The folder as it is now."""
        action = GetVfolderAction(str(folder.id))
        return (await self.run.get.wait_for_complete(action)).data

    async def share(
        self, folder: VfolderData, user: UserData, permission: SharePermission
    ) -> VfolderData:
        """Share the folder, as its owner might."""
        action = ShareVfolderAction(str(folder.id), user=user.username, permission=permission)
        return (await self.run.share.wait_for_complete(action)).data

    async def trash(self, folder: VfolderData) -> VfolderData:
        """Put the folder into the trash."""
        action = DeleteVfolderAction(str(folder.id))
        return (await self.run.delete.wait_for_complete(action)).data

    async def purge(self, folder: VfolderData) -> None:
        """Delete the folder, which is in the trash, for good, and wait until it is gone."""
        await self.run.purge.wait_for_complete(PurgeVfolderAction(str(folder.id)))
        await self.deletions.drain()
