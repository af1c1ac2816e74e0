"""Which vfolders exist for whom."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, VfolderNotFound
from tenantry.kernel.action import Actor, acting_as
from tenantry.storage.actions import GetVfolderAction, ListVfoldersAction, VfolderUsageAction
from tenantry.storage.model import SharePermission, VfolderData, VfolderStatus, VfolderUsage
from tenantry.testing.storage import MemoryStorage
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio


async def listed(vfolders: Vfolders, **fields: Any) -> list[VfolderData]:
    page = await vfolders.run.list.wait_for_complete(ListVfoldersAction(**fields))
    return list(page.items)


async def names(vfolders: Vfolders, **fields: Any) -> list[str]:
    return [folder.name for folder in await listed(vfolders, **fields)]


async def get(vfolders: Vfolders, folder: str, owner: str | None = None) -> VfolderData:
    return (await vfolders.run.get.wait_for_complete(GetVfolderAction(folder, owner))).data


async def test_a_user_sees_own_and_shared_folders_by_name(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    for name in ("zebra", "Ant"):
        await vfolders.make(name, john)
    shared = await vfolders.make("mole", jane)
    await vfolders.make("private", jane)
    await vfolders.share(shared, john, SharePermission.READ)
    with acting_as(john):
        assert await names(vfolders) == ["Ant", "mole", "zebra"]
        assert await names(vfolders, owner="jane") == ["mole"]
        assert await names(vfolders, owner=str(john.id)) == ["Ant", "zebra"]


async def test_another_users_folder_does_not_exist(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    private = await vfolders.make("private", jane)
    with acting_as(john):
        for folder, owner in ((str(private.id), None), ("private", "jane"), ("private", None)):
            with pytest.raises(VfolderNotFound) as caught:
                await get(vfolders, folder, owner)
            with pytest.raises(VfolderNotFound) as unknown:
                await get(vfolders, "nothing", owner)
            assert str(caught.value) == str(unknown.value)


@pytest.mark.parametrize("role", [UserRole.ADMIN, UserRole.MONITOR])
async def test_admins_and_monitors_see_their_tenant_and_no_other(
    tenantry: App, vfolders: Vfolders, john: UserData, stranger: UserData, role: UserRole
) -> None:
    reader = await make_user(tenantry, "reader", role=role)
    here = await vfolders.make("here", john)
    elsewhere = await vfolders.make("elsewhere", stranger)
    with acting_as(reader):
        assert await names(vfolders) == ["here"]
        assert await get(vfolders, str(here.id)) == here
        assert await get(vfolders, "here", "john") == here
        with pytest.raises(VfolderNotFound):
            await get(vfolders, str(elsewhere.id))
        with pytest.raises(VfolderNotFound):
            await get(vfolders, "elsewhere", "stranger")
        assert await names(vfolders, owner="stranger") == []


async def test_a_superadmin_sees_all_and_names_the_owner(
    vfolders: Vfolders, superadmin: Actor, john: UserData, stranger: UserData
) -> None:
    await vfolders.make("data", john)
    theirs = await vfolders.make("data", stranger)
    with acting_as(superadmin):
        assert await names(vfolders) == ["data", "data"]
        assert await get(vfolders, "data", "stranger") == theirs
        with pytest.raises(InvalidInput):
            await get(vfolders, "data")


async def test_an_admin_means_the_own_folder_by_a_bare_name(
    vfolders: Vfolders, admin: UserData, john: UserData
) -> None:
    await vfolders.make("data", john)
    with acting_as(admin):
        with pytest.raises(VfolderNotFound):
            await get(vfolders, "data")
        own = await vfolders.make("data", admin)
        assert await get(vfolders, "data") == own


async def test_a_name_that_several_owners_share_needs_the_owner(
    tenantry: App, vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    jack = await make_user(tenantry, "jack")
    for other in (jane, jack):
        await vfolders.share(await vfolders.make("data", other), john, SharePermission.READ)
    with acting_as(john):
        with pytest.raises(InvalidInput) as caught:
            await get(vfolders, "data")
        assert caught.value.violations[0].code == "ambiguous"
        assert (await get(vfolders, "data", "jack")).owner == "jack"
        await vfolders.make("data", john)
        assert (await get(vfolders, "data")).owner == "john"


async def test_pages_go_on_where_the_last_one_ended(vfolders: Vfolders, john: UserData) -> None:
    for name in "dbaec":
        await vfolders.make(name, john)
    found: list[str] = []
    cursor = None
    with acting_as(john):
        while True:
            action = ListVfoldersAction(limit=2, cursor=cursor)
            page = await vfolders.run.list.wait_for_complete(action)
            found += [folder.name for folder in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
            with pytest.raises(InvalidInput):
                await names(vfolders, owner="john", cursor=cursor)
    assert found == list("abcde")


async def test_a_list_can_be_of_one_state(vfolders: Vfolders, john: UserData) -> None:
    await vfolders.make("kept", john)
    await vfolders.trash(await vfolders.make("thrown", john))
    with acting_as(john):
        assert await names(vfolders, status=VfolderStatus.TRASH) == ["thrown"]
        assert await names(vfolders, status=VfolderStatus.READY) == ["kept"]
        assert await names(vfolders) == ["kept", "thrown"]


async def test_usage_counts_files_and_bytes_for_guests_too(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData, jane: UserData
) -> None:
    folder = await vfolders.make("data", john)
    memory.put(HOST, folder.id, "a", 3)
    memory.put(HOST, folder.id, "b/c", 4)
    with acting_as(jane), pytest.raises(VfolderNotFound):
        await vfolders.run.usage.wait_for_complete(VfolderUsageAction(str(folder.id)))
    await vfolders.share(folder, jane, SharePermission.READ)
    with acting_as(jane):
        result = await vfolders.run.usage.wait_for_complete(VfolderUsageAction("data"))
    assert result.data == VfolderUsage(files=2, bytes=7, quota=None, quota_used=None)
