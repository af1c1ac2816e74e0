"""Which folders a compute session of a user may mount, under which name, and how."""

import asyncio
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.compute.ports import Mount
from tenantry.errors import InvalidInput, VfolderNotFound
from tenantry.storage.model import SharePermission
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio


async def identify(vfolders: Vfolders, user: UserData, *named: str) -> list[UUID]:
    async with vfolders.app.database.transaction() as tx:
        return await vfolders.to_mount.identify(tx, user.id, named)


async def test_own_and_shared_folders_are_mounted_in_the_order_asked(
    on_disk: Vfolders, disk: LocalStorage, john: UserData, jane: UserData
) -> None:
    own = await on_disk.make("own", john)
    shared = await on_disk.make("theirs", jane)
    writable = await on_disk.make("ours", jane)
    await on_disk.share(shared, john, SharePermission.READ)
    await on_disk.share(writable, john, SharePermission.WRITE)
    ids = [shared.id, own.id, writable.id]
    paths = [await disk.folder_path(HOST, folder_id) for folder_id in ids]
    assert await on_disk.to_mount.mounts(john.id, ids) == [
        Mount(path=paths[0], name="theirs", read_only=True),
        Mount(path=paths[1], name="own"),
        Mount(path=paths[2], name="ours"),
    ]


async def test_a_folder_is_named_by_its_name_in_any_form_or_by_its_id(
    vfolders: Vfolders, john: UserData
) -> None:
    folder = await vfolders.make("Data", john)
    named = ("data", " DATA ", str(folder.id), str(folder.id).upper())
    assert await identify(vfolders, john, *named) == [folder.id] * 4


async def test_an_own_folder_is_meant_before_a_shared_one_and_of_two_shared_ones_none(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    jack = await make_user(tenantry, "jack")
    for owner in (jane, jack):
        await vfolders.share(await vfolders.make("data", owner), john, SharePermission.WRITE)
    with pytest.raises(InvalidInput) as caught:
        await identify(vfolders, john, "data")
    assert (caught.value.field, caught.value.violations[0].code) == ("folders", "ambiguous")
    own = await vfolders.make("data", john)
    assert await identify(vfolders, john, "data") == [own.id]


async def test_folders_of_one_name_are_mounted_under_different_ones(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    own, theirs = await vfolders.make("data", john), await vfolders.make("DATA", jane)
    await vfolders.share(theirs, john, SharePermission.WRITE)
    mounts = await vfolders.to_mount.mounts(john.id, [own.id, theirs.id])
    assert [mount.name for mount in mounts] == ["data", f"DATA-{theirs.id.hex[-10:]}"]


async def test_what_is_not_in_sight_or_not_ready_cannot_be_mounted(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    own = await vfolders.make("own", john)
    trash = await vfolders.trash(await vfolders.make("trash", john))
    private = await vfolders.make("private", jane)
    for folder_id in (trash.id, private.id, uuid4()):
        with pytest.raises(VfolderNotFound):
            await vfolders.to_mount.mounts(john.id, [own.id, folder_id])
        with pytest.raises(VfolderNotFound):
            await identify(vfolders, john, "own", str(folder_id))
    for name in ("trash", "private", "nothing", "x" * 2000):
        with pytest.raises(VfolderNotFound):
            await identify(vfolders, john, name)


async def test_a_folder_about_to_be_mounted_is_not_deleted_in_between(
    tenantry: App, vfolders: Vfolders, john: UserData
) -> None:
    own = await vfolders.make("own", john)
    async with tenantry.database.transaction() as tx:
        await vfolders.to_mount.identify(tx, john.id, ["own"])
        deleting = asyncio.create_task(vfolders.trash(own))
        done, _ = await asyncio.wait([deleting], timeout=0.3)
        assert not done
    await deleting
