"""What every storage manager does: the fake and the one on real directories."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.errors import ConnectionError, StateConflict
from tenantry.storage.ports import FolderUsage, StorageManager
from tenantry.testing.storage import MemoryStorage

pytestmark = pytest.mark.anyio

HOST = "first"


class Interrupted(Exception):
    """The process that deletes goes away."""


class Bed(Protocol):
    """A storage, and how files get into a folder behind its back."""

    @property
    def storage(self) -> StorageManager: ...

    async def fill(self, folder_id: UUID, files: Mapping[str, int]) -> None: ...


class MemoryBed:
    def __init__(self) -> None:
        self.storage = MemoryStorage(HOST, "second")

    async def fill(self, folder_id: UUID, files: Mapping[str, int]) -> None:
        for path, size in files.items():
            self.storage.put(HOST, folder_id, path, size)


class LocalBed:
    def __init__(self, folder: Path) -> None:
        self.storage = LocalStorage({HOST: folder / HOST, "second": folder / "second"})

    async def fill(self, folder_id: UUID, files: Mapping[str, int]) -> None:
        place = Path(await self.storage.folder_path(HOST, folder_id))
        for path, size in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(b"x" * size)


@pytest.fixture(params=["memory", "local"])
async def bed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bed]:
    if request.param == "memory":
        yield MemoryBed()
        return
    local = LocalBed(tmp_path)
    await local.storage.prepare()
    yield local
    local.storage.close()


@pytest.fixture
def storage(bed: Bed) -> StorageManager:
    return bed.storage


@pytest.fixture
async def folder(bed: Bed) -> UUID:
    """A folder with three files in it."""
    folder_id = uuid4()
    await bed.storage.create_folder(HOST, folder_id)
    await bed.fill(folder_id, {"a": 10, "deep/er/b": 20, "deep/c": 0})
    return folder_id


@pytest.fixture
async def large(bed: Bed) -> UUID:
    """A folder with so many files that deleting it takes several steps."""
    folder_id = uuid4()
    await bed.storage.create_folder(HOST, folder_id)
    await bed.fill(folder_id, {f"{n % 30}/{n}": 1 for n in range(9000)})
    return folder_id


async def test_hosts_are_named_in_the_order_configured(storage: StorageManager) -> None:
    assert await storage.hosts() == [HOST, "second"]


async def test_a_new_folder_is_empty_and_can_be_mounted(storage: StorageManager) -> None:
    folder_id = uuid4()
    await storage.create_folder(HOST, folder_id)
    assert await storage.folder_usage(HOST, folder_id) == FolderUsage(0, 0)
    assert str(folder_id) in await storage.folder_path(HOST, folder_id)
    assert await storage.list_folders(HOST) == {folder_id}
    assert await storage.list_folders("second") == set()


async def test_creating_a_folder_again_leaves_it_as_it_is(
    storage: StorageManager, folder: UUID
) -> None:
    await storage.create_folder(HOST, folder)
    assert await storage.folder_usage(HOST, folder) == FolderUsage(3, 30)


async def test_a_folder_in_trash_keeps_its_files_but_cannot_be_mounted(
    storage: StorageManager, folder: UUID
) -> None:
    for _ in range(2):
        await storage.move_to_trash(HOST, folder)
        assert await storage.folder_usage(HOST, folder) == FolderUsage(3, 30)
        assert await storage.folder_exists(HOST, folder)
        assert await storage.list_folders(HOST) == {folder}
        with pytest.raises(StateConflict):
            await storage.folder_path(HOST, folder)
        with pytest.raises(StateConflict):
            await storage.create_folder(HOST, folder)


async def test_a_restored_folder_is_as_it_was(storage: StorageManager, folder: UUID) -> None:
    path = await storage.folder_path(HOST, folder)
    await storage.move_to_trash(HOST, folder)
    for _ in range(2):
        await storage.restore_from_trash(HOST, folder)
        assert await storage.folder_path(HOST, folder) == path
        assert await storage.folder_usage(HOST, folder) == FolderUsage(3, 30)


@pytest.mark.parametrize("in_trash", [True, False])
async def test_a_deleted_folder_leaves_nothing(
    storage: StorageManager, folder: UUID, in_trash: bool
) -> None:
    if in_trash:
        await storage.move_to_trash(HOST, folder)
    assert await storage.delete_folder(HOST, folder) == 3
    assert await storage.delete_folder(HOST, folder) == 0
    assert not await storage.folder_exists(HOST, folder)
    assert await storage.list_folders(HOST) == set()
    with pytest.raises(StateConflict):
        await storage.folder_usage(HOST, folder)
    with pytest.raises(StateConflict):
        await storage.restore_from_trash(HOST, folder)


async def test_other_folders_stay_when_one_is_deleted(
    storage: StorageManager, folder: UUID
) -> None:
    other = uuid4()
    await storage.create_folder(HOST, other)
    await storage.create_folder("second", folder)
    await storage.delete_folder(HOST, folder)
    assert await storage.list_folders(HOST) == {other}
    assert await storage.list_folders("second") == {folder}


async def test_progress_counts_up_to_all_files(storage: StorageManager, large: UUID) -> None:
    told: list[int] = []

    async def tell(files: int) -> None:
        told.append(files)

    assert await storage.delete_folder(HOST, large, tell) == 9000
    assert len(told) >= 3
    assert told == sorted(told)
    assert told[-1] == 9000


async def test_an_interrupted_deletion_can_only_go_on(storage: StorageManager, large: UUID) -> None:
    async def interrupt(files: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        await storage.delete_folder(HOST, large, interrupt)
    left = (await storage.folder_usage(HOST, large)).files
    assert 0 < left < 9000
    assert await storage.folder_exists(HOST, large)
    await storage.move_to_trash(HOST, large)
    for forbidden in (storage.folder_path, storage.create_folder, storage.restore_from_trash):
        with pytest.raises(StateConflict):
            await forbidden(HOST, large)
    assert await storage.delete_folder(HOST, large) == left
    assert not await storage.folder_exists(HOST, large)


async def test_a_folder_that_never_was_can_be_deleted_but_not_restored(
    storage: StorageManager,
) -> None:
    folder_id = uuid4()
    await storage.move_to_trash(HOST, folder_id)
    assert await storage.delete_folder(HOST, folder_id) == 0
    assert not await storage.folder_exists(HOST, folder_id)
    with pytest.raises(StateConflict):
        await storage.restore_from_trash(HOST, folder_id)


async def test_a_host_that_is_not_configured_cannot_be_reached(storage: StorageManager) -> None:
    for call in (storage.create_folder, storage.delete_folder, storage.folder_usage):
        with pytest.raises(ConnectionError):
            await call("third", uuid4())
    with pytest.raises(ConnectionError):
        await storage.list_folders("third")
