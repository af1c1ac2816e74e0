"""Which folders a compute session of a user may mount."""

import asyncio
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.errors import VfolderNotFound
from tenantry.storage.model import SharePermission
from tenantry.users.model import UserData
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio


async def mount_paths(vfolders: Vfolders, user: UserData, *folder_ids: UUID) -> list[str]:
    async with vfolders.app.database.transaction() as tx:
        return await vfolders.paths.mount_paths(tx, user.id, folder_ids)


async def test_own_and_shared_folders_are_found_in_the_order_asked(
    on_disk: Vfolders, disk: LocalStorage, john: UserData, jane: UserData
) -> None:
    own = await on_disk.make("own", john)
    shared = await on_disk.make("theirs", jane)
    await on_disk.share(shared, john, SharePermission.READ)
    expected = [await disk.folder_path(HOST, folder.id) for folder in (shared, own)]
    assert await mount_paths(on_disk, john, shared.id, own.id) == expected


async def test_what_is_not_in_sight_or_not_ready_cannot_be_mounted(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    own = await vfolders.make("own", john)
    trash = await vfolders.trash(await vfolders.make("trash", john))
    private = await vfolders.make("private", jane)
    for folder_id in (trash.id, private.id, uuid4()):
        with pytest.raises(VfolderNotFound):
            await mount_paths(vfolders, john, own.id, folder_id)


async def test_a_folder_about_to_be_mounted_is_not_deleted_in_between(
    tenantry: App, vfolders: Vfolders, john: UserData
) -> None:
    own = await vfolders.make("own", john)
    async with tenantry.database.transaction() as tx:
        await vfolders.paths.mount_paths(tx, john.id, [own.id])
        deleting = asyncio.create_task(vfolders.trash(own))
        done, _ = await asyncio.wait([deleting], timeout=0.3)
        assert not done
    await deleting
