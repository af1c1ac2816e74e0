"""The storage manager over directories: each call in one of a few threads of its host."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from tenantry.adapters.storage import places
from tenantry.adapters.storage.counting import usage
from tenantry.adapters.storage.removal import removal
from tenantry.errors import ConnectionError, StateConflict
from tenantry.storage.ports import FolderUsage, Progress

T = TypeVar("T")


class LocalStorage:
    """Implements ``StorageManager``.

    Each host has ``threads`` of its own, so that a disk that hangs keeps neither the event loop
    nor another disk.
    """

    def __init__(self, roots: Mapping[str, Path], *, threads: int = 4) -> None:
        self._roots = {host: Path(root).absolute() for host, root in roots.items()}
        self._pools = {
            host: ThreadPoolExecutor(threads, thread_name_prefix=f"storage-{host}")
            for host in roots
        }

    async def prepare(self) -> None:
        """Make the roots and their areas where they are missing.

        Only this does. Later a root without its areas is one whose disk is not mounted, and
        everything fails rather than work on the directory beneath.
        """
        for host, root in self._roots.items():
            await self._thread(host, partial(places.prepare, host, root))

    def close(self) -> None:
        """Let running calls end and start no others."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    async def hosts(self) -> list[str]:
        return list(self._roots)

    async def create_folder(self, host: str, folder_id: UUID) -> None:
        await self._in_root(host, lambda root: places.create(root, folder_id))

    async def folder_path(self, host: str, folder_id: UUID) -> str:
        if not await self._in_root(host, lambda root: places.is_mountable(root, folder_id)):
            raise StateConflict("The vfolder cannot be mounted.")
        parts = (places.FOLDERS, *places.shards(folder_id), str(folder_id))
        return str(self._root(host).joinpath(*parts))

    async def folder_exists(self, host: str, folder_id: UUID) -> bool:
        area = await self._in_root(host, lambda root: places.area_of(root, folder_id))
        return area is not None

    async def move_to_trash(self, host: str, folder_id: UUID) -> None:
        await self._in_root(host, lambda root: places.move_to_trash(root, folder_id))

    async def restore_from_trash(self, host: str, folder_id: UUID) -> None:
        await self._in_root(host, lambda root: places.restore(root, folder_id))

    async def delete_folder(
        self, host: str, folder_id: UUID, progress: Progress | None = None
    ) -> int:
        steps = removal(host, self._root(host), folder_id)
        files = 0
        while (gone := await self._thread(host, partial(next, steps, None))) is not None:
            files = gone
            if progress is not None:
                await progress(files)
        return files

    async def folder_usage(self, host: str, folder_id: UUID) -> FolderUsage:
        return await self._in_root(host, lambda root: usage(root, folder_id))

    async def list_folders(self, host: str) -> set[UUID]:
        return await self._in_root(host, lambda root: set(places.list_ids(root)))

    def _root(self, host: str) -> Path:
        if host not in self._roots:
            raise ConnectionError(f"There is no storage host {host}.")
        return self._roots[host]

    async def _in_root(self, host: str, work: Callable[[int], T]) -> T:
        """Do it in a thread with the root's open directory."""
        path = self._root(host)

        def begin() -> T:
            with places.opened_root(host, path) as root:
                return work(root)

        return await self._thread(host, begin)

    async def _thread(self, host: str, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pools[host], work)
