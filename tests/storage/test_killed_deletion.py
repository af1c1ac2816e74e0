"""A process that is killed while it deletes leaves work that another one finishes."""

import asyncio
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.storage import LocalStorage
from tenantry.errors import StateConflict, VfolderNotFound
from tenantry.storage.model import VfolderData, VfolderStatus
from tenantry.users.model import UserData
from tests.storage import dying
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio

FILES = 9000


@pytest.fixture
async def half_deleted(
    on_disk: Vfolders,
    disk: LocalStorage,
    john: UserData,
    postgres: EmbeddedPostgres,
    database: str,
    tmp_path: Path,
    owner: asyncpg.Connection,
) -> VfolderData:
    """A folder whose deletion has been killed on the way."""
    folder = await on_disk.make("data", john)
    place = Path(await disk.folder_path(HOST, folder.id))
    for n in range(FILES):
        (place / str(n % 50)).mkdir(exist_ok=True)
        (place / str(n % 50) / str(n)).touch()
    await on_disk.trash(folder)
    await owner.execute("update vfolders set status = 'deleting'")
    dsn = postgres.dsn("tenantry_app", database)
    process = await asyncio.create_subprocess_exec(
        sys.executable, dying.__file__, dsn, str(tmp_path / "root")
    )
    assert await process.wait() == -signal.SIGKILL
    left = (await disk.folder_usage(HOST, folder.id)).files
    assert 0 < left < FILES
    return folder


async def test_nobody_can_use_or_restore_what_is_half_deleted(
    on_disk: Vfolders, disk: LocalStorage, half_deleted: VfolderData
) -> None:
    found = await on_disk.get(half_deleted)
    assert found.status is VfolderStatus.DELETING
    assert found.files_left is not None
    assert 0 < found.files_left < FILES
    for call in (disk.folder_path, disk.restore_from_trash, disk.create_folder):
        with pytest.raises(StateConflict):
            await call(HOST, half_deleted.id)


async def test_repeating_the_command_finishes_it(
    on_disk: Vfolders, disk: LocalStorage, half_deleted: VfolderData
) -> None:
    await on_disk.purge(half_deleted)
    with pytest.raises(VfolderNotFound):
        await on_disk.get(half_deleted)
    assert await disk.list_folders(HOST) == set()


async def test_the_next_process_finishes_it_by_itself(
    on_disk: Vfolders, disk: LocalStorage, half_deleted: VfolderData
) -> None:
    assert await on_disk.service.resume_deletions() == 1
    assert await on_disk.service.resume_deletions() == 0
    assert await disk.list_folders(HOST) == set()


async def test_the_purge_of_the_owner_finishes_it(
    on_disk: Vfolders, disk: LocalStorage, john: UserData, half_deleted: VfolderData
) -> None:
    assert (await on_disk.companion.delete_all(john.id)).folders == 1
    assert await disk.list_folders(HOST) == set()
