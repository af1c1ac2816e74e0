"""A storage in memory that can be told to fail, hang or lie."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from tenantry.errors import ConnectionError, StateConflict
from tenantry.storage.ports import FolderUsage, Progress

PORTION = 1000


class Trouble(StrEnum):
    """What a method does in the place of its work: raise, never return, or return only."""

    FAIL = "fail"
    HANG = "hang"
    LIE = "lie"


class Place(StrEnum):
    """Where a folder is."""

    IN_USE = "in use"
    TRASH = "trash"
    HALF_DELETED = "half deleted"


@dataclass
class StoredFolder:
    """A folder: its place, and the size of each file by path."""

    place: Place = Place.IN_USE
    files: dict[str, int] = field(default_factory=dict)


class MemoryStorage:
    """Implements ``StorageManager``. ``troubles`` maps a method's name to what befalls it."""

    def __init__(self, *hosts: str) -> None:
        self.troubles: dict[str, Trouble] = {}
        self._hosts: dict[str, dict[UUID, StoredFolder]] = {h: {} for h in hosts or ("local",)}

    def put(self, host: str, folder_id: UUID, path: str, size: int) -> None:
        """Have a file in a folder, as a compute session would."""
        self._hosts[host][folder_id].files[path] = size

    async def hosts(self) -> list[str]:
        return list(self._hosts)

    async def create_folder(self, host: str, folder_id: UUID) -> None:
        if await self._believed("create_folder"):
            return
        folder = self._on(host).setdefault(folder_id, StoredFolder())
        if folder.place is not Place.IN_USE:
            raise StateConflict("The vfolder is in the trash or half deleted.")

    async def folder_path(self, host: str, folder_id: UUID) -> str:
        await self._believed("folder_path")
        folder = self._on(host).get(folder_id)
        if folder is None or folder.place is not Place.IN_USE:
            raise StateConflict("The vfolder cannot be mounted.")
        return f"memory://{host}/{folder_id}"

    async def folder_exists(self, host: str, folder_id: UUID) -> bool:
        await self._believed("folder_exists")
        return folder_id in self._on(host)

    async def move_to_trash(self, host: str, folder_id: UUID) -> None:
        if await self._believed("move_to_trash"):
            return
        folder = self._on(host).get(folder_id)
        if folder is not None and folder.place is Place.IN_USE:
            folder.place = Place.TRASH

    async def restore_from_trash(self, host: str, folder_id: UUID) -> None:
        if await self._believed("restore_from_trash"):
            return
        folder = self._on(host).get(folder_id)
        if folder is None or folder.place is Place.HALF_DELETED:
            raise StateConflict("There is no such vfolder in the trash.")
        folder.place = Place.IN_USE

    async def delete_folder(
        self, host: str, folder_id: UUID, progress: Progress | None = None
    ) -> int:
        if await self._believed("delete_folder"):
            return 0
        folder = self._on(host).get(folder_id)
        if folder is None:
            return 0
        folder.place = Place.HALF_DELETED
        gone = 0
        while folder.files:
            for path in list(folder.files)[:PORTION]:
                del folder.files[path]
                gone += 1
            if progress is not None:
                await progress(gone)
        self._on(host).pop(folder_id, None)
        return gone

    async def folder_usage(self, host: str, folder_id: UUID) -> FolderUsage:
        await self._believed("folder_usage")
        folder = self._on(host).get(folder_id)
        if folder is None:
            raise StateConflict("There is no such vfolder on the storage.")
        return FolderUsage(len(folder.files), sum(folder.files.values()))

    async def list_folders(self, host: str) -> set[UUID]:
        await self._believed("list_folders")
        return set(self._on(host))

    def _on(self, host: str) -> dict[UUID, StoredFolder]:
        if host not in self._hosts:
            raise ConnectionError(f"There is no storage host {host}.")
        return self._hosts[host]

    async def _believed(self, method: str) -> bool:
        """Whether the caller is to be told that it is done although nothing was."""
        trouble = self.troubles.get(method)
        if trouble is Trouble.FAIL:
            raise ConnectionError("The storage cannot be reached, as the test wants it.")
        if trouble is Trouble.HANG:
            await asyncio.Event().wait()
        return trouble is Trouble.LIE
