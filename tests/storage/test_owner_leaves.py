"""What a purge of a user does with vfolders, each step once and again."""

from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.errors import ConnectionError, StateConflict, VfolderNotFound
from tenantry.storage.model import Handed, Removed, SharePermission, VfolderData, VfolderStatus
from tenantry.testing.storage import MemoryStorage, Trouble
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio

READ = SharePermission.READ


async def hand_over(vfolders: Vfolders, giver: UserData, heir: UserData) -> list[Handed]:
    async with vfolders.app.database.transaction() as tx:
        return await vfolders.companion.hand_over_shared(tx, giver.id, heir.id)


async def owned(vfolders: Vfolders, user: UserData) -> list[VfolderData]:
    async with vfolders.app.database.autocommit() as tx:
        return await vfolders.companion.owned(tx, user.id)


async def forget(vfolders: Vfolders, user: UserData) -> None:
    async with vfolders.app.database.transaction() as tx:
        await vfolders.companion.forget(tx, user.id)


@pytest.fixture
async def shared(vfolders: Vfolders, john: UserData, jane: UserData) -> VfolderData:
    """A folder of john's that jane uses."""
    return await vfolders.share(await vfolders.make("data", john), jane, READ)


async def test_bug_03_shared_folders_go_to_the_heir_and_the_others_stay(
    vfolders: Vfolders, john: UserData, admin: UserData, shared: VfolderData
) -> None:
    await vfolders.make("private", john)
    assert await hand_over(vfolders, john, admin) == [Handed(shared.id, "data", "data")]
    given = await vfolders.get(shared)
    assert (given.owner, [share.user for share in given.shares]) == ("adele", ["jane"])
    assert [folder.name for folder in await owned(vfolders, john)] == ["private"]


async def test_bug_19_repeating_the_hand_over_appends_no_second_suffix(
    vfolders: Vfolders, john: UserData, admin: UserData, shared: VfolderData
) -> None:
    await vfolders.make("data", admin)
    [handed] = await hand_over(vfolders, john, admin)
    assert handed.name == f"data-{shared.id.hex[-10:]}"
    for _ in range(3):
        assert await hand_over(vfolders, john, admin) == []
        assert await hand_over(vfolders, admin, admin) == []
    assert (await vfolders.get(shared)).name == handed.name


async def test_folders_whose_names_differ_in_case_only_for_the_heir_all_arrive(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData, admin: UserData
) -> None:
    for giver in (john, jane):
        await vfolders.share(await vfolders.make("data", giver), admin, READ)
        await hand_over(vfolders, giver, admin)
    assert len({folder.name for folder in await owned(vfolders, admin)}) == 2


async def test_the_heirs_policy_does_not_stop_a_purge_and_the_heirs_share_ends(
    vfolders: Vfolders,
    john: UserData,
    jane: UserData,
    shared: VfolderData,
    owner: asyncpg.Connection,
) -> None:
    await owner.execute("update resource_policies set max_vfolder_count = 0")
    assert len(await hand_over(vfolders, john, jane)) == 1
    assert (await vfolders.get(shared)).shares == []


async def test_only_a_superadmin_inherits_across_the_wall_and_the_folder_stays_inside(
    tenantry: App,
    vfolders: Vfolders,
    john: UserData,
    stranger: UserData,
    shared: VfolderData,
) -> None:
    with pytest.raises(StateConflict):
        await hand_over(vfolders, john, stranger)
    chief = await make_user(tenantry, "chief", role=UserRole.SUPERADMIN, domain_name="other")
    await hand_over(vfolders, john, chief)
    given = await vfolders.get(shared)
    assert (given.owner, given.tenant_id) == ("chief", john.tenant_id)
    assert [share.user for share in given.shares] == ["jane"]


async def test_bug_17_trash_and_half_deleted_folders_are_deleted_too(
    on_disk: Vfolders, disk: LocalStorage, john: UserData, jane: UserData, owner: asyncpg.Connection
) -> None:
    ready, trash, half, abandoned = [await on_disk.make(name, john) for name in "abcd"]
    kept = await on_disk.make("kept", jane)
    await on_disk.share(trash, jane, READ)
    for folder in (trash, half):
        await on_disk.trash(folder)
    await owner.execute("update vfolders set status = 'deleting' where id = $1", half.id)
    await owner.execute("update vfolders set status = 'performing' where id = $1", abandoned.id)
    for folder in (ready, abandoned):
        place = Path(await disk.folder_path(HOST, folder.id))
        for n in range(5):
            (place / str(n)).touch()
    told: list[int] = []

    async def tell(files: int) -> None:
        told.append(files)

    removed = await on_disk.companion.delete_all(john.id, progress=tell)
    assert removed == Removed(folders=4, files=10)
    assert told[-1] == 10
    assert told == sorted(told)
    assert await disk.list_folders(HOST) == {kept.id}
    assert await owned(on_disk, john) == []
    assert await on_disk.companion.delete_all(john.id) == Removed(0, 0)


async def test_a_folder_that_fails_does_not_keep_the_others_and_is_tried_again(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData
) -> None:
    for name in "abc":
        await vfolders.make(name, john)
    stubborn = (await owned(vfolders, john))[1]
    delete_folder = memory.delete_folder

    async def refusing(host: str, folder_id: UUID, progress: object = None) -> int:
        if folder_id == stubborn.id:
            raise ConnectionError
        return await delete_folder(host, folder_id)

    memory.delete_folder = refusing  # type: ignore[method-assign]  # to fail for one
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await vfolders.companion.delete_all(john.id)
        assert [folder.id for folder in await owned(vfolders, john)] == [stubborn.id]
    memory.delete_folder = delete_folder  # type: ignore[method-assign]  # and to relent
    assert (await vfolders.companion.delete_all(john.id)).folders == 1


async def test_a_user_with_folders_is_not_forgotten(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData
) -> None:
    folder = await vfolders.make("data", john)
    with pytest.raises(StateConflict):
        await forget(vfolders, john)
    memory.troubles["delete_folder"] = Trouble.LIE
    with pytest.raises(StateConflict):
        await vfolders.companion.delete_all(john.id)
    with pytest.raises(StateConflict):
        await forget(vfolders, john)
    assert (await vfolders.get(folder)).status is VfolderStatus.DELETING


async def test_bug_20_a_user_who_owns_and_shares_leaves_no_row_behind(
    vfolders: Vfolders,
    john: UserData,
    jane: UserData,
    shared: VfolderData,
    owner: asyncpg.Connection,
) -> None:
    theirs = await vfolders.share(await vfolders.make("theirs", jane), john, READ)
    await vfolders.companion.delete_all(john.id)
    for _ in range(2):
        await forget(vfolders, john)
    await owner.execute("delete from access_keys where user_id = $1", john.id)
    await owner.execute("delete from users where id = $1", john.id)
    assert (await vfolders.get(theirs)).shares == []
    with pytest.raises(VfolderNotFound):
        await vfolders.get(shared)
