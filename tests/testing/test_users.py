"""Users who live for a block of a test, and leave nothing behind."""

import pytest

from tenantry.app import App
from tenantry.kernel.action import acting_as
from tenantry.storage.actions import CreateVfolderAction, ListVfoldersAction, ShareVfolderAction
from tenantry.testing.users import make_user, user_for_a_while
from tenantry.users.actions import FindUserAction, GetUserAction, PurgeUserAction
from tenantry.users.model import UserData, UserRole

pytestmark = pytest.mark.anyio


async def found(app: App, username: str) -> UserData | None:
    action = FindUserAction(user=username)
    return (await app.users.find_user.wait_for_complete(action)).data


async def test_the_last_admin_with_a_shared_vfolder_is_gone_after_the_block(tenantry: App) -> None:
    await make_user(tenantry, "kim")
    async with user_for_a_while(
        tenantry, "ada@example.com", "ada", role=UserRole.ADMIN, totp_activated=True
    ) as user_id:
        shown = GetUserAction(user=str(user_id))
        ada = (await tenantry.users.get_user.wait_for_complete(shown)).data
        assert (ada.role, ada.totp_activated, ada.full_name) == ("admin", True, "Sample User")
        with acting_as(ada):
            made = await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction("data"))
            share = ShareVfolderAction(folder=str(made.data.id), user="kim")
            await tenantry.vfolders.share.wait_for_complete(share)
    assert await found(tenantry, "ada") is None
    listing = await tenantry.vfolders.list.wait_for_complete(ListVfoldersAction())
    assert listing.items == []


async def test_a_block_may_purge_its_user_or_fail(tenantry: App) -> None:
    async with user_for_a_while(tenantry, "ada@example.com", "ada"):
        await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="ada"))
    with pytest.raises(ZeroDivisionError):
        async with user_for_a_while(tenantry, "ada@example.com", "ada", is_active=False):
            raise ZeroDivisionError
    assert await found(tenantry, "ada") is None
