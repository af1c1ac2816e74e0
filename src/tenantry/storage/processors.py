"""The processors of vfolders."""

from tenantry.kernel.processor import Runner
from tenantry.storage.actions import (
    CreateVfolderAction,
    DeleteVfolderAction,
    GetVfolderAction,
    HandOverVfolderAction,
    ListVfoldersAction,
    PurgeVfolderAction,
    RestoreVfolderAction,
    ShareVfolderAction,
    UnshareVfolderAction,
    VfolderUsageAction,
)
from tenantry.storage.service import StorageService


class VfolderProcessors:
    """Runs the actions on vfolders."""

    def __init__(self, *, storage_service: StorageService, run: Runner) -> None:
        self.create = run(CreateVfolderAction, storage_service.create)
        self.get = run(GetVfolderAction, storage_service.get)
        self.list = run(ListVfoldersAction, storage_service.list_folders)
        self.usage = run(VfolderUsageAction, storage_service.usage)
        self.share = run(ShareVfolderAction, storage_service.share)
        self.unshare = run(UnshareVfolderAction, storage_service.unshare)
        self.hand_over = run(HandOverVfolderAction, storage_service.hand_over)
        self.delete = run(DeleteVfolderAction, storage_service.delete)
        self.restore = run(RestoreVfolderAction, storage_service.restore)
        self.purge = run(PurgeVfolderAction, storage_service.purge)
