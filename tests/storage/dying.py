"""A process that is killed in the middle of deleting a vfolder: `dying.py DSN ROOT`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from tenantry.adapters.cipher import Cipher
from tenantry.adapters.postgres.database import PostgresDatabase, open_pool
from tenantry.adapters.storage import LocalStorage
from tenantry.audit.keys import PersonKeys
from tenantry.audit.recorder import AuditRecorder
from tenantry.audit.repository import AuditRepository
from tenantry.kernel.clock import SystemClock
from tenantry.settings import Settings
from tenantry.storage.deletion import Deletions
from tenantry.storage.model import VfolderStatus
from tenantry.storage.repository import FolderRepository


async def main(dsn: str, root: str) -> None:
    """Begin to delete what is marked, and die as soon as files have gone."""
    clock = SystemClock()
    pool = await open_pool(dsn, Settings(database_url=dsn, migration_database_url=dsn))
    cipher = Cipher([bytes(32)])
    keys = PersonKeys(cipher=cipher, make_box=lambda key: Cipher([key]))
    database = PostgresDatabase(pool, AuditRecorder(AuditRepository(), keys, clock), 5.0)
    folders = FolderRepository()
    deletions = Deletions(
        database=database,
        storage_manager=LocalStorage({"local": Path(root)}),
        folder_repository=folders,
        clock=clock,
    )
    async with database.autocommit() as tx:
        [folder] = await folders.unfinished(tx, VfolderStatus.DELETING, clock.now())

    async def die(files: int) -> None:
        if files:
            os.kill(os.getpid(), signal.SIGKILL)

    await deletions.remove(folder, die)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
