"""What the slices need of a storage: named folders below roots, and nothing about disks."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.record import Record


class FolderUsage(Record, frozen=True):
    """What a folder holds: regular files, and the bytes in them."""

    files: int
    bytes: int


Progress = Callable[[int], Awaitable[None]]
"""Told now and then how many files have gone in this call so far."""


class StorageManager(Protocol):
    """Keeps folders. Every method can be repeated: what is done already stays done.

    Raises ConnectionError when the storage cannot be reached, StateConflict when a folder is
    in a state that forbids it. A folder is named by the host (a configured root) and its id.
    """

    async def hosts(self) -> list[str]:
        """The names of the hosts where folders can be made; the first is for who names none."""

    async def create_folder(self, host: str, folder_id: UUID) -> None:
        """Make an empty folder; one that is there stays as it is."""

    async def folder_path(self, host: str, folder_id: UUID) -> str:
        """Where a compute session finds the folder; StateConflict unless it can be mounted."""

    async def folder_exists(self, host: str, folder_id: UUID) -> bool:
        """Whether anything is left of it: in use, in trash or half deleted."""

    async def move_to_trash(self, host: str, folder_id: UUID) -> None:
        """Put the folder where nobody can mount it; restorable until ``delete_folder``."""

    async def restore_from_trash(self, host: str, folder_id: UUID) -> None:
        """Put a folder back from the trash; StateConflict where nothing is left of it."""

    async def delete_folder(
        self, host: str, folder_id: UUID, progress: Progress | None = None
    ) -> int:
        """Remove a folder, in trash or not, and all in it; the number of files that went.

        Interrupted, it goes on where it was when called again. Links are removed, never
        followed; nothing outside the folder is touched.
        """

    async def folder_usage(self, host: str, folder_id: UUID) -> FolderUsage:
        """What the folder holds now, or what is left of one that is being deleted."""

    async def list_folders(self, host: str) -> set[UUID]:
        """All folders that are really there, in trash or not: to compare with the records."""


class Mounts(Protocol):
    """What the vfolders need of the compute sessions: which folders are in use."""

    async def mounted_by_others(
        self, tx: Transaction, folder_ids: Collection[UUID], user_id: UUID
    ) -> Sequence[object]:
        """The live sessions, but for this user's, that mount one of the folders."""
