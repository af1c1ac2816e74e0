"""Which folders a compute session of a user may mount."""

import asyncio
from uuid import UUID, uuid4

import pytest

from tenantry.app import App
from tenantry.errors import VfolderNotFound
from tenantry.storage.model import Mount, SharePermission
from tenantry.users.model import UserData
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio

READ, WRITE = SharePermission.READ, SharePermission.WRITE


async def mountable(vfolders: Vfolders, user: UserData, *folder_ids: UUID) -> list[Mount]:
    async with vfolders.app.database.transaction() as tx:
        return await vfolders.service.mountable(tx, user.id, folder_ids)


async def test_own_folders_are_mounted_to_write_and_shared_ones_as_permitted(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    own = await vfolders.make("own", john)
    shared = await vfolders.share(await vfolders.make("theirs", jane), john, READ)
    assert await mountable(vfolders, john, shared.id, own.id) == [
        Mount(shared.id, "theirs", HOST, READ),
        Mount(own.id, "own", HOST, WRITE),
    ]


async def test_what_is_not_in_sight_or_not_ready_cannot_be_mounted(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    own = await vfolders.make("own", john)
    trash = await vfolders.trash(await vfolders.make("trash", john))
    private = await vfolders.make("private", jane)
    for folder_id in (trash.id, private.id, uuid4()):
        with pytest.raises(VfolderNotFound):
            await mountable(vfolders, john, own.id, folder_id)


async def test_a_folder_about_to_be_mounted_is_not_deleted_in_between(
    tenantry: App, vfolders: Vfolders, john: UserData
) -> None:
    own = await vfolders.make("own", john)
    async with tenantry.database.transaction() as tx:
        await vfolders.service.mountable(tx, john.id, [own.id])
        deleting = asyncio.create_task(vfolders.trash(own))
        done, _ = await asyncio.wait([deleting], timeout=0.3)
        assert not done
    await deleting
