"""Deleting folders for good: long, in the background, and resumable at any point.

The record says ``deleting`` before the first file goes and ``gone`` after the last. A process
that dies in between leaves the record behind, from which any other process goes on.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from tenantry.errors import ConnectionError, StateConflict, TenantryError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.storage.model import Vfolder, VfolderStatus
from tenantry.storage.ports import Progress, StorageManager
from tenantry.storage.repository import FolderRepository

logger = logging.getLogger(__name__)


@asynccontextmanager
async def answering(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """ConnectionError when a storage is silent for longer; ``reschedule`` counts as a sign."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield deadline
    except TimeoutError as error:
        raise ConnectionError("The storage does not answer now; try again shortly.") from error


class Deletions:
    """Works on folders whose records say ``deleting``; any number of processes may do so."""

    def __init__(
        self,
        *,
        database: Database,
        storage_manager: StorageManager,
        folder_repository: FolderRepository,
        clock: Clock,
        patience: float = 60.0,
    ) -> None:
        self._database = database
        self._storage = storage_manager
        self._folders = folder_repository
        self._clock = clock
        self._patience = patience
        self._running: dict[UUID, asyncio.Task[None]] = {}

    def start(self, folder: Vfolder) -> None:
        """Delete the folder in the background, unless this process is at it already.

        The task has a context of its own: it is no part of the run that asked for it.
        """
        if folder.id in self._running:
            return
        task = asyncio.get_running_loop().create_task(
            self._quietly(folder), context=contextvars.Context()
        )
        self._running[folder.id] = task
        task.add_done_callback(lambda _: self._running.pop(folder.id, None))

    async def drain(self) -> None:
        """Wait until nothing runs in the background."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def close(self) -> None:
        """Stop; what is not finished is resumed by the next process."""
        for task in list(self._running.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def resume(self) -> int:
        """Go on with all that was interrupted, here or elsewhere; how many folders are gone now.

        A folder whose storage refuses is skipped, and says so in its ``status_info``.
        """
        async with self._database.autocommit() as tx:
            found = await self._folders.unfinished(tx, VfolderStatus.DELETING, self._clock.now())
        gone = 0
        for folder in found:
            if folder.id not in self._running:
                gone += await self._succeeds(folder)
        return gone

    async def remove(self, folder: Vfolder, progress: Progress | None = None) -> int:
        """Delete a folder that is marked as deleting; the number of files that went.

        Raises what the storage raises, StateConflict also when it says done but is not. Two at
        once on one folder do no harm.
        """
        try:
            files = await self._remove(folder, progress)
        except TenantryError as error:
            async with self._database.autocommit() as tx:
                await self._folders.set_status_info(tx, folder.id, str(error))
            raise
        async with self._database.autocommit() as tx:
            states = VfolderStatus.DELETING, VfolderStatus.GONE
            await self._folders.set_status(tx, folder.id, *states, self._clock.now())
        return files

    async def _remove(self, folder: Vfolder, progress: Progress | None) -> int:
        host, folder_id = folder.data.host, folder.id
        total = await self._count(host, folder_id)
        async with answering(self._patience) as deadline:

            async def report(files: int) -> None:
                deadline.reschedule(asyncio.get_running_loop().time() + self._patience)
                if total is not None:
                    async with self._database.autocommit() as tx:
                        await self._folders.set_files_left(tx, folder_id, max(0, total - files))
                if progress is not None:
                    await progress(files)

            await report(0)
            files = await self._storage.delete_folder(host, folder_id, report)
            if await self._storage.folder_exists(host, folder_id):
                message = "The storage says that the vfolder is gone, but it is still there."
                raise StateConflict(message, field="folder")
        return files

    async def _count(self, host: str, folder_id: UUID) -> int | None:
        """How many files there are; None where they cannot be counted, which hinders nothing."""
        try:
            async with answering(self._patience):
                return (await self._storage.folder_usage(host, folder_id)).files
        except (StateConflict, ConnectionError):
            return None

    async def _quietly(self, folder: Vfolder) -> None:
        try:
            await self._succeeds(folder)
        except Exception:  # nobody waits for this task, so the log is where its failure shows
            logger.exception("the deletion of vfolder %s broke off", folder.id)

    async def _succeeds(self, folder: Vfolder) -> bool:
        try:
            await self.remove(folder)
        except TenantryError as error:
            logger.warning("vfolder %s is not deleted yet: %s", folder.id, error)
            return False
        return True
