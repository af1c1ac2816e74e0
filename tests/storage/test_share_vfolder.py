"""Sharing vfolders, and taking shares back."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    StateConflict,
    UserNotFound,
    VfolderNotFound,
)
from tenantry.kernel.action import Actor, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.storage.actions import GetVfolderAction, ShareVfolderAction, UnshareVfolderAction
from tenantry.storage.model import SharePermission, VfolderData
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, GetUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole
from tests.storage.world import Vfolders

pytestmark = pytest.mark.anyio

READ, WRITE = SharePermission.READ, SharePermission.WRITE


async def share(
    vfolders: Vfolders, folder: VfolderData, user: str, permission: SharePermission = READ
) -> VfolderData:
    action = ShareVfolderAction(str(folder.id), user=user, permission=permission)
    return (await vfolders.run.share.wait_for_complete(action)).data


async def unshare(vfolders: Vfolders, folder: VfolderData, user: str) -> VfolderData:
    action = UnshareVfolderAction(str(folder.id), user=user)
    return (await vfolders.run.unshare.wait_for_complete(action)).data


async def exists_for(vfolders: Vfolders, user: UserData, folder: VfolderData) -> bool:
    try:
        with acting_as(user):
            await vfolders.run.get.wait_for_complete(GetVfolderAction(str(folder.id)))
    except VfolderNotFound:
        return False
    return True


@pytest.fixture
async def folder(vfolders: Vfolders, john: UserData) -> VfolderData:
    return await vfolders.make("data", john)


async def test_an_owner_shares_and_takes_back(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData, folder: VfolderData
) -> None:
    with acting_as(john):
        shared = await share(vfolders, folder, "jane", WRITE)
    [given] = shared.shares
    assert (given.user, given.permission, given.granted_by) == ("jane", WRITE, john.id)
    assert await exists_for(vfolders, jane, folder)
    with acting_as(john):
        assert (await unshare(vfolders, folder, "jane")).shares == []
        assert (await unshare(vfolders, folder, "jane")).shares == []
    assert not await exists_for(vfolders, jane, folder)
    found = await tenantry.audit.search.wait_for_complete(SearchAuditAction(action="vfolder.share"))
    assert found.items[0].changes == {"shares.jane": [None, "rw"]}


async def test_sharing_again_changes_the_permission_and_nothing_else(
    vfolders: Vfolders, john: UserData, jane: UserData, folder: VfolderData
) -> None:
    with acting_as(john):
        first = await share(vfolders, folder, "jane")
        assert (await share(vfolders, folder, "jane")).shares == first.shares
        [raised] = (await share(vfolders, folder, "jane", WRITE)).shares
    assert raised.permission is WRITE


@pytest.mark.parametrize("permission", [READ, WRITE])
async def test_a_guest_passes_nothing_on_and_sees_no_other_guest(
    tenantry: App,
    vfolders: Vfolders,
    jane: UserData,
    folder: VfolderData,
    permission: SharePermission,
) -> None:
    jack = await make_user(tenantry, "jack")
    await share(vfolders, folder, "jane", permission)
    await share(vfolders, folder, "jack", READ)
    with acting_as(jane):
        with pytest.raises(PermissionError):
            await share(vfolders, folder, "jack", WRITE)
        with pytest.raises(PermissionError):
            await unshare(vfolders, folder, "jack")
        assert [s.user for s in (await vfolders.get(folder)).shares] == ["jane"]
    assert await exists_for(vfolders, jack, folder)


async def test_a_guest_gives_up_the_own_share(
    vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    await share(vfolders, folder, "jane")
    with acting_as(jane):
        await unshare(vfolders, folder, "jane")
    assert not await exists_for(vfolders, jane, folder)


async def test_nobody_shares_what_does_not_exist_for_them(
    vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    with acting_as(jane), pytest.raises(VfolderNotFound):
        await share(vfolders, folder, "jane", WRITE)
    assert not await exists_for(vfolders, jane, folder)


async def test_a_user_of_another_tenant_is_as_one_who_does_not_exist(
    vfolders: Vfolders,
    superadmin: Actor,
    john: UserData,
    stranger: UserData,
    folder: VfolderData,
) -> None:
    for who in (john, superadmin):
        with acting_as(who):
            refusals = []
            for named in ("stranger", str(stranger.id), "nobody"):
                with pytest.raises(UserNotFound) as caught:
                    await share(vfolders, folder, named, WRITE)
                refusals.append((str(caught.value), caught.value.field))
            assert len(set(refusals)) == 1
    assert not await exists_for(vfolders, stranger, folder)


async def test_a_stranger_cannot_share_or_unshare_either(
    tenantry: App, vfolders: Vfolders, jane: UserData, stranger: UserData, folder: VfolderData
) -> None:
    await share(vfolders, folder, "jane")
    lord = await make_user(tenantry, "lord", domain_name="other", role=UserRole.ADMIN)
    for who in (stranger, lord):
        with acting_as(who):
            with pytest.raises(VfolderNotFound):
                await share(vfolders, folder, who.username, WRITE)
            with pytest.raises(VfolderNotFound):
                await unshare(vfolders, folder, "jane")
    assert await exists_for(vfolders, jane, folder)


async def test_a_deleted_user_gets_no_share(
    tenantry: App, vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="jane"))
    with pytest.raises(UserNotFound):
        await share(vfolders, folder, "jane")


async def test_an_owner_needs_no_share(vfolders: Vfolders, folder: VfolderData) -> None:
    with pytest.raises(InvalidInput) as caught:
        await share(vfolders, folder, "john")
    assert caught.value.field == "user"


async def test_a_folder_in_trash_is_not_shared_and_does_not_exist_for_guests(
    vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    await share(vfolders, folder, "jane")
    await vfolders.trash(folder)
    assert not await exists_for(vfolders, jane, folder)
    with pytest.raises(StateConflict):
        await share(vfolders, folder, "jane", WRITE)


async def test_an_admin_shares_for_others_but_not_for_a_superadmin(
    tenantry: App, vfolders: Vfolders, admin: UserData, jane: UserData, folder: VfolderData
) -> None:
    chief = await make_user(tenantry, "chief", role=UserRole.SUPERADMIN)
    guarded = await vfolders.make("guarded", chief)
    with acting_as(admin):
        await share(vfolders, folder, "jane")
        with pytest.raises(PermissionError):
            await share(vfolders, guarded, "adele", WRITE)


async def test_a_monitor_shares_nothing(
    tenantry: App, vfolders: Vfolders, jane: UserData, folder: VfolderData
) -> None:
    monitor = await make_user(tenantry, "mona", role=UserRole.MONITOR)
    with acting_as(monitor), pytest.raises(PermissionError):
        await share(vfolders, folder, "jane")


@pytest.mark.parametrize("permission", ["", "r", "admin", 7])
async def test_an_unknown_permission_is_refused(
    vfolders: Vfolders, jane: UserData, folder: VfolderData, permission: Any
) -> None:
    with pytest.raises(InvalidInput):
        await share(vfolders, folder, "jane", permission)


@pytest.mark.parametrize("mover", ["john", "jane"])
async def test_no_share_crosses_the_wall_when_one_of_both_moves(
    tenantry: App,
    vfolders: Vfolders,
    john: UserData,
    jane: UserData,
    stranger: UserData,
    folder: VfolderData,
    mover: str,
) -> None:
    await share(vfolders, folder, "jane")
    users = tenantry.users
    before = (await users.get_user.wait_for_complete(GetUserAction(user=mover))).data
    modifier = UserModifier(domain_name=OptionalState.update("other"))
    action = ModifyUserAction(user=mover, modifier=modifier)
    after = (await users.modify_user.wait_for_complete(action)).data
    async with tenantry.database.transaction() as tx:
        await vfolders.companion.follow(tx, before, after, modifier)
    assert not await exists_for(vfolders, jane, folder)
    owner = (await users.get_user.wait_for_complete(GetUserAction(user="john"))).data
    assert await exists_for(vfolders, owner, folder)
    assert (await vfolders.get(folder)).tenant_id == owner.tenant_id
