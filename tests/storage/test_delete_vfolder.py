"""Into the trash, back from it, and away for good."""

import asyncio

import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import ConnectionError, PermissionError, StateConflict, VfolderNotFound
from tenantry.kernel.action import acting_as
from tenantry.storage.actions import (
    DeleteVfolderAction,
    GetVfolderAction,
    PurgeVfolderAction,
    RestoreVfolderAction,
)
from tenantry.storage.model import SharePermission, VfolderData, VfolderStatus
from tenantry.storage.ports import Progress
from tenantry.testing.storage import MemoryStorage, Trouble
from tenantry.users.model import UserData
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio


@pytest.fixture
async def folder(vfolders: Vfolders, john: UserData) -> VfolderData:
    return await vfolders.make("data", john)


async def restore(vfolders: Vfolders, folder: VfolderData) -> VfolderData:
    action = RestoreVfolderAction(str(folder.id))
    return (await vfolders.run.restore.wait_for_complete(action)).data


async def begin_purge(vfolders: Vfolders, folder: VfolderData) -> VfolderData:
    action = PurgeVfolderAction(str(folder.id))
    return (await vfolders.run.purge.wait_for_complete(action)).data


async def test_what_is_deleted_can_be_restored_with_its_guests(
    on_disk: Vfolders, disk: LocalStorage, john: UserData, jane: UserData
) -> None:
    made = await on_disk.make("data", john)
    await on_disk.share(made, jane, SharePermission.WRITE)
    with acting_as(john):
        for _ in range(2):
            assert (await on_disk.trash(made)).status is VfolderStatus.TRASH
        with pytest.raises(StateConflict):
            await disk.folder_path(HOST, made.id)
        back = await restore(on_disk, made)
    assert (back.status, [s.user for s in back.shares]) == (VfolderStatus.READY, ["jane"])
    assert await disk.folder_path(HOST, made.id)
    with pytest.raises(StateConflict):
        await restore(on_disk, made)


async def test_a_purged_folder_is_gone_and_its_name_free(
    tenantry: App, on_disk: Vfolders, disk: LocalStorage, john: UserData
) -> None:
    made = await on_disk.make("data", john)
    await on_disk.trash(made)
    with acting_as(john):
        assert (await begin_purge(on_disk, made)).status is VfolderStatus.DELETING
        await on_disk.deletions.drain()
        with pytest.raises(VfolderNotFound):
            await on_disk.get(made)
        again = await on_disk.make("data", john)
    assert await disk.list_folders(HOST) == {again.id}
    entries = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="vfolder.purge")
    )
    [entry] = entries.items
    assert entry.changes == {"status": ["trash", "deleting"]}


async def test_only_what_is_in_trash_is_purged(vfolders: Vfolders, folder: VfolderData) -> None:
    with pytest.raises(StateConflict):
        await begin_purge(vfolders, folder)
    assert (await vfolders.get(folder)).status is VfolderStatus.READY


async def test_a_mounted_folder_stays(
    vfolders: Vfolders, memory: MemoryStorage, folder: VfolderData
) -> None:
    vfolders.mounts.folders = {folder.id}
    with pytest.raises(StateConflict, match="compute session"):
        await vfolders.trash(folder)
    assert (await vfolders.get(folder)).status is VfolderStatus.READY
    assert await memory.folder_path(HOST, folder.id)


async def test_only_owners_and_administrators_delete_restore_and_purge(
    vfolders: Vfolders, admin: UserData, jane: UserData, stranger: UserData, folder: VfolderData
) -> None:
    await vfolders.share(folder, jane, SharePermission.WRITE)
    with acting_as(stranger), pytest.raises(VfolderNotFound):
        await vfolders.trash(folder)
    with acting_as(jane), pytest.raises(PermissionError):
        await vfolders.trash(folder)
    with acting_as(admin):
        await vfolders.trash(folder)
    with acting_as(jane):
        with pytest.raises(VfolderNotFound):
            await restore(vfolders, folder)
        with pytest.raises(VfolderNotFound):
            await begin_purge(vfolders, folder)
    with acting_as(admin):
        await restore(vfolders, folder)
        await vfolders.trash(folder)
        await vfolders.purge(folder)


async def test_the_files_left_are_told_while_a_purge_goes_on(
    tenantry: App, vfolders: Vfolders, memory: MemoryStorage, folder: VfolderData
) -> None:
    for n in range(2500):
        memory.put(HOST, folder.id, str(n), 1)
    seen: list[int | None] = []
    delete_folder = memory.delete_folder

    async def watched(host: str, folder_id: object, progress: Progress) -> int:
        async def tell(files: int) -> None:
            await progress(files)
            seen.append((await vfolders.get(folder)).files_left)

        return await delete_folder(host, folder.id, tell)

    memory.delete_folder = watched  # type: ignore[assignment,method-assign]  # to look in between
    await vfolders.trash(folder)
    await vfolders.purge(folder)
    assert seen == [1500, 500, 0]


async def test_purging_again_goes_on_after_a_failure_that_is_told(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData, folder: VfolderData
) -> None:
    await vfolders.trash(folder)
    memory.troubles["delete_folder"] = Trouble.FAIL
    await vfolders.purge(folder)
    stuck = await vfolders.get(folder)
    assert stuck.status is VfolderStatus.DELETING
    assert "cannot be reached" in str(stuck.status_info)
    with pytest.raises(StateConflict):
        await restore(vfolders, folder)
    with acting_as(john):
        by_name = await vfolders.run.get.wait_for_complete(GetVfolderAction("data"))
        assert by_name.data.id == folder.id
        again = await vfolders.make("data", john)
        by_name = await vfolders.run.get.wait_for_complete(GetVfolderAction("data"))
        assert by_name.data.id == again.id
    memory.troubles.clear()
    await vfolders.purge(folder)
    assert await memory.list_folders(HOST) == {again.id}


async def test_a_storage_that_lies_about_a_deletion_is_not_believed(
    vfolders: Vfolders, memory: MemoryStorage, folder: VfolderData
) -> None:
    await vfolders.trash(folder)
    memory.troubles["delete_folder"] = Trouble.LIE
    await vfolders.purge(folder)
    stuck = await vfolders.get(folder)
    assert stuck.status is VfolderStatus.DELETING
    assert "still there" in str(stuck.status_info)
    memory.troubles.clear()
    assert await vfolders.service.resume_deletions() == 1
    with pytest.raises(VfolderNotFound):
        await vfolders.get(folder)


@pytest.mark.parametrize("method", ["folder_usage", "delete_folder", "folder_exists"])
async def test_a_storage_that_hangs_keeps_nobody_waiting(
    tenantry: App, memory: MemoryStorage, john: UserData, method: str
) -> None:
    vfolders = Vfolders(tenantry, memory, patience=0.2)
    made = await vfolders.make("data", john)
    await vfolders.trash(made)
    memory.troubles[method] = Trouble.HANG
    await asyncio.wait_for(vfolders.purge(made), 5)
    memory.troubles.clear()
    await vfolders.service.resume_deletions()
    assert await memory.list_folders(HOST) == set()


@pytest.mark.parametrize("trouble", [Trouble.FAIL, Trouble.HANG])
async def test_a_storage_that_moves_nothing_leaves_the_folder_in_trash(
    tenantry: App, memory: MemoryStorage, john: UserData, trouble: Trouble
) -> None:
    vfolders = Vfolders(tenantry, memory, patience=0.2)
    made = await vfolders.make("data", john)
    for method in ("move_to_trash", "restore_from_trash"):
        memory.troubles[method] = trouble
    with pytest.raises(ConnectionError):
        await vfolders.trash(made)
    stuck = await vfolders.get(made)
    assert stuck.status is VfolderStatus.TRASH
    assert stuck.status_info
    with pytest.raises(ConnectionError):
        await restore(vfolders, made)
    assert (await vfolders.get(made)).status is VfolderStatus.TRASH
    memory.troubles.clear()
    assert (await vfolders.trash(made)).status_info is None
    assert (await restore(vfolders, made)).status is VfolderStatus.READY
    entries = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="vfolder.delete")
    )
    assert [entry.outcome for entry in entries.items] == ["succeeded", "failed", "succeeded"]


async def test_of_a_restore_and_a_purge_at_once_one_wins(
    vfolders: Vfolders, memory: MemoryStorage, folder: VfolderData
) -> None:
    for _ in range(5):
        await vfolders.trash(folder)
        outcomes = await asyncio.gather(
            restore(vfolders, folder), begin_purge(vfolders, folder), return_exceptions=True
        )
        await vfolders.deletions.drain()
        assert sum(isinstance(o, StateConflict | VfolderNotFound) for o in outcomes) == 1
        if isinstance(outcomes[0], VfolderData):
            assert await memory.folder_path(HOST, folder.id)
        else:
            assert await memory.list_folders(HOST) == set()
            break


async def test_deleting_by_name_works_for_the_owner(vfolders: Vfolders, john: UserData) -> None:
    await vfolders.make("mine", john)
    with acting_as(john):
        result = await vfolders.run.delete.wait_for_complete(DeleteVfolderAction("mine"))
    assert result.data.status is VfolderStatus.TRASH


async def test_what_is_left_to_do_is_done_without_being_asked(
    vfolders: Vfolders, memory: MemoryStorage, folder: VfolderData
) -> None:
    await vfolders.trash(folder)
    memory.troubles["delete_folder"] = Trouble.FAIL
    await vfolders.purge(folder)
    memory.troubles.clear()
    working = asyncio.create_task(vfolders.service.run_forever())
    for _ in range(500):
        if not await memory.list_folders(HOST):
            break
        await asyncio.sleep(0.01)
    assert await memory.list_folders(HOST) == set()
    assert not working.done()
    working.cancel()
    await asyncio.wait([working])


async def test_what_stops_a_deletion_unforeseen_is_logged(
    vfolders: Vfolders,
    memory: MemoryStorage,
    folder: VfolderData,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*arguments: object) -> int:
        raise RuntimeError

    memory.delete_folder = broken  # type: ignore[assignment,method-assign]  # to break off
    await vfolders.trash(folder)
    await vfolders.purge(folder)
    assert "broke off" in caplog.text
    assert (await vfolders.get(folder)).status is VfolderStatus.DELETING
