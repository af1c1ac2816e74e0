"""The quota of the resource policy: measured, and held where something more would be written."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.errors import StateConflict
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.resources.actions import CreateResourcePolicyAction, ModifyResourcePolicyAction
from tenantry.resources.model import ResourcePolicy, ResourcePolicyModifier
from tenantry.storage.actions import (
    HandOverVfolderAction,
    RestoreVfolderAction,
    VfolderUsageAction,
)
from tenantry.storage.model import SharePermission, VfolderData, VfolderUsage
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.storage import MemoryStorage, Trouble
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio

QUOTA = 1000


@pytest.fixture
async def mika(tenantry: App) -> UserData:
    """A user who may keep a thousand bytes."""
    policy = ResourcePolicy(name="small", max_vfolder_count=5, max_quota_scope_size=QUOTA)
    await tenantry.resources.create_resource_policy.wait_for_complete(
        CreateResourcePolicyAction(policy)
    )
    return await make_user(tenantry, "mika", resource_policy="small")


async def usage(vfolders: Vfolders, folder: VfolderData) -> VfolderUsage:
    action = VfolderUsageAction(str(folder.id))
    return (await vfolders.run.usage.wait_for_complete(action)).data


async def set_quota(tenantry: App, size: int) -> None:
    modifier = ResourcePolicyModifier(max_quota_scope_size=OptionalState.update(size))
    await tenantry.resources.modify_resource_policy.wait_for_complete(
        ModifyResourcePolicyAction("small", modifier)
    )


async def test_who_has_used_up_the_quota_gets_no_other_folder_until_there_is_room(
    vfolders: Vfolders, memory: MemoryStorage, clock: ShiftedClock, mika: UserData
) -> None:
    folder = await vfolders.make("data", mika)
    memory.put(HOST, folder.id, "big", QUOTA)
    clock.advance(minutes=2)
    with acting_as(mika), pytest.raises(StateConflict) as caught:
        await vfolders.make("more", mika)
    assert caught.value.field == "owner"
    assert caught.value.data == {"maximum": QUOTA, "used": QUOTA}
    memory.put(HOST, folder.id, "big", QUOTA - 1)
    clock.advance(minutes=2)
    with acting_as(mika):
        await vfolders.make("more", mika)


async def test_the_trash_counts_and_what_is_being_deleted_does_not(
    vfolders: Vfolders, memory: MemoryStorage, clock: ShiftedClock, mika: UserData
) -> None:
    folder = await vfolders.make("data", mika)
    memory.put(HOST, folder.id, "big", QUOTA)
    trash = await vfolders.trash(folder)
    clock.advance(minutes=2)
    with pytest.raises(StateConflict):
        await vfolders.make("more", mika)
    await vfolders.purge(trash)
    await vfolders.deletions.drain()
    await vfolders.make("more", mika)


async def test_without_a_quota_nothing_is_measured(
    vfolders: Vfolders, memory: MemoryStorage, clock: ShiftedClock, mika: UserData, tenantry: App
) -> None:
    await set_quota(tenantry, -1)
    folder = await vfolders.make("data", mika)
    memory.put(HOST, folder.id, "big", 10 * QUOTA)
    clock.advance(minutes=2)
    await vfolders.make("more", mika)
    assert (await vfolders.get(folder)).used_bytes is None
    assert await usage(vfolders, folder) == VfolderUsage(1, 10 * QUOTA, None, None)
    assert (await vfolders.get(folder)).used_bytes == 10 * QUOTA


async def test_a_quota_of_nothing_allows_nothing(
    vfolders: Vfolders, tenantry: App, mika: UserData
) -> None:
    await set_quota(tenantry, 0)
    with pytest.raises(StateConflict):
        await vfolders.make("data", mika)


async def test_usage_shows_the_quota_to_the_owner_and_not_to_guests(
    vfolders: Vfolders, memory: MemoryStorage, mika: UserData, john: UserData
) -> None:
    first, second = await vfolders.make("one", mika), await vfolders.make("two", mika)
    memory.put(HOST, first.id, "a", 100)
    memory.put(HOST, second.id, "b", 50)
    await vfolders.share(first, john, SharePermission.READ)
    with acting_as(mika):
        assert await usage(vfolders, first) == VfolderUsage(1, 100, QUOTA, 150)
    with acting_as(john):
        assert await usage(vfolders, first) == VfolderUsage(1, 100, None, None)


async def test_an_heir_gets_only_what_the_quota_has_room_for(
    vfolders: Vfolders, memory: MemoryStorage, mika: UserData, john: UserData
) -> None:
    await vfolders.make("own", mika)
    big, fitting = await vfolders.make("big", john), await vfolders.make("fitting", john)
    memory.put(HOST, big.id, "a", QUOTA + 1)
    memory.put(HOST, fitting.id, "a", QUOTA)
    with acting_as(john), pytest.raises(StateConflict) as caught:
        await vfolders.run.hand_over.wait_for_complete(
            HandOverVfolderAction(str(big.id), to="mika")
        )
    assert caught.value.field == "to"
    with acting_as(john):
        await vfolders.run.hand_over.wait_for_complete(
            HandOverVfolderAction(str(fitting.id), to="mika")
        )


async def test_of_two_folders_handed_over_at_once_only_one_fits(
    vfolders: Vfolders, memory: MemoryStorage, mika: UserData, john: UserData
) -> None:
    folders = [await vfolders.make(f"part{number}", john) for number in range(4)]
    for folder in folders:
        memory.put(HOST, folder.id, "a", QUOTA - 100)
    results = await asyncio.gather(
        *(
            vfolders.run.hand_over.wait_for_complete(
                HandOverVfolderAction(str(folder.id), to="mika")
            )
            for folder in folders
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert sum(isinstance(result, StateConflict) for result in results) == 3


async def test_a_session_may_read_but_not_write_where_the_quota_is_used_up(
    vfolders: Vfolders,
    memory: MemoryStorage,
    clock: ShiftedClock,
    mika: UserData,
    john: UserData,
    jane: UserData,
) -> None:
    folder = await vfolders.make("data", mika)
    await vfolders.share(folder, john, SharePermission.READ)
    await vfolders.share(folder, jane, SharePermission.WRITE)
    memory.put(HOST, folder.id, "big", QUOTA)
    clock.advance(minutes=2)
    for user in (mika, jane):  # it is the owner's quota, whoever writes
        with pytest.raises(StateConflict) as caught:
            await vfolders.to_mount.mounts(user.id, [folder.id])
        assert caught.value.field == "folders"
    (mount,) = await vfolders.to_mount.mounts(john.id, [folder.id])
    assert mount.read_only


async def test_where_it_cannot_be_measured_the_last_measure_counts(
    vfolders: Vfolders, memory: MemoryStorage, clock: ShiftedClock, mika: UserData
) -> None:
    folder = await vfolders.make("data", mika)
    memory.put(HOST, folder.id, "big", QUOTA)
    await usage(vfolders, folder)
    clock.advance(minutes=2)
    memory.troubles["folder_usage"] = Trouble.FAIL
    with pytest.raises(StateConflict) as caught:
        await vfolders.make("more", mika)
    assert caught.value.data["used"] == QUOTA


async def test_a_folder_comes_back_from_the_trash_whatever_the_quota(
    vfolders: Vfolders, memory: MemoryStorage, clock: ShiftedClock, mika: UserData
) -> None:
    folder = await vfolders.make("data", mika)
    memory.put(HOST, folder.id, "big", 2 * QUOTA)
    await vfolders.trash(folder)
    clock.advance(minutes=2)
    await vfolders.run.restore.wait_for_complete(RestoreVfolderAction(str(folder.id)))
