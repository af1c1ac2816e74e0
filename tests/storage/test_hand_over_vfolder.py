"""Giving vfolders to another owner."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import PermissionError, StateConflict, UserNotFound, VfolderNotFound
from tenantry.kernel.action import Actor, acting_as
from tenantry.storage.actions import HandOverVfolderAction
from tenantry.storage.model import SharePermission, VfolderData
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.storage.world import Vfolders

pytestmark = pytest.mark.anyio


async def hand_over(vfolders: Vfolders, folder: VfolderData, to: str) -> VfolderData:
    action = HandOverVfolderAction(str(folder.id), to=to)
    return (await vfolders.run.hand_over.wait_for_complete(action)).data


@pytest.fixture
async def folder(vfolders: Vfolders, john: UserData) -> VfolderData:
    return await vfolders.make("data", john)


async def test_the_new_owner_has_it_and_the_old_one_has_not(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData, folder: VfolderData
) -> None:
    with acting_as(john):
        given = await hand_over(vfolders, folder, "jane")
        assert (given.owner, given.name, given.creator_id) == ("jane", "data", folder.creator_id)
        with pytest.raises(VfolderNotFound):
            await vfolders.get(folder)
    with acting_as(jane):
        assert (await vfolders.get(folder)).owner_id == jane.id
    found = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="vfolder.hand_over")
    )
    assert found.items[0].changes["owner"] == [str(folder.owner_id), str(jane.id)]


async def test_guests_stay_and_the_new_owner_is_none_any_more(
    tenantry: App, vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    jack = await make_user(tenantry, "jack")
    for guest in (jane, jack):
        await vfolders.share(folder, guest, SharePermission.READ)
    given = await hand_over(vfolders, folder, "jane")
    assert [share.user for share in given.shares] == ["jack"]


async def test_a_taken_name_gets_a_suffix_once(
    vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    await vfolders.make("DATA", jane)
    given = await hand_over(vfolders, folder, "jane")
    assert given.name == f"data-{folder.id.hex[-10:]}"
    for _ in range(3):
        again = await hand_over(vfolders, folder, "jane")
        assert (again.name, again.version) == (given.name, given.version)


async def test_going_to_and_fro_makes_no_second_suffix(
    vfolders: Vfolders, john: UserData, jane: UserData, folder: VfolderData
) -> None:
    await vfolders.make("data", jane)
    first = await hand_over(vfolders, folder, "jane")
    await hand_over(vfolders, folder, "john")
    assert (await hand_over(vfolders, folder, "jane")).name == first.name


async def test_a_name_made_up_to_block_the_suffix_blocks_nothing(
    vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    for name in ("data", f"data-{folder.id.hex[-10:]}"):
        await vfolders.make(name, jane)
    assert (await hand_over(vfolders, folder, "jane")).name == f"data-{folder.id.hex}"


async def test_a_suffix_fits_into_the_longest_name(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    name = "é" * 127
    await vfolders.make(name, jane)
    given = await hand_over(vfolders, await vfolders.make(name, john), "jane")
    assert len(given.name.encode()) <= 255
    assert given.name.startswith("é" * 100)


async def test_of_two_folders_of_one_name_given_at_once_both_arrive(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData, folder: VfolderData
) -> None:
    heir = await make_user(tenantry, "heir")
    theirs = await vfolders.make("data", jane)
    given = await asyncio.gather(*(hand_over(vfolders, f, "heir") for f in (folder, theirs)))
    assert {f.owner_id for f in given} == {heir.id}
    assert len({f.name for f in given}) == 2
    assert "data" in {f.name for f in given}


async def test_the_heirs_policy_counts(
    vfolders: Vfolders, jane: UserData, folder: VfolderData, owner: asyncpg.Connection
) -> None:
    await vfolders.make("other", jane)
    await owner.execute("update resource_policies set max_vfolder_count = 1 where name = 'default'")
    with pytest.raises(StateConflict) as caught:
        await hand_over(vfolders, folder, "jane")
    assert caught.value.field == "to"


async def test_nothing_goes_to_another_tenant_or_to_nobody(
    vfolders: Vfolders, superadmin: Actor, john: UserData, stranger: UserData, folder: VfolderData
) -> None:
    for who in (john, superadmin):
        for to in ("stranger", str(stranger.id), "nobody"):
            with acting_as(who), pytest.raises(UserNotFound) as caught:
                await hand_over(vfolders, folder, to)
            assert caught.value.field == "to"


async def test_a_guest_gives_nothing_away_and_an_admin_does(
    vfolders: Vfolders, admin: UserData, jane: UserData, folder: VfolderData
) -> None:
    await vfolders.share(folder, jane, SharePermission.WRITE)
    with acting_as(jane), pytest.raises(PermissionError):
        await hand_over(vfolders, folder, "jane")
    with acting_as(admin):
        assert (await hand_over(vfolders, folder, "adele")).owner == "adele"


async def test_only_a_ready_folder_goes_and_not_to_a_monitor(
    tenantry: App, vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    await make_user(tenantry, "mona", role=UserRole.MONITOR)
    with pytest.raises(StateConflict):
        await hand_over(vfolders, folder, "mona")
    await vfolders.trash(folder)
    with pytest.raises(StateConflict):
        await hand_over(vfolders, folder, "jane")
