"""All that a user may, as a set."""

from datetime import timedelta
from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput
from tenantry.grants.actions import GetPermissionsAction
from tenantry.grants.permissions import UserPermissions
from tenantry.kernel.action import acting_as
from tenantry.privileges.model import Privilege
from tenantry.tenants.actions import SuspendTenantAction
from tenantry.users.model import UserData

from .conftest import Give, MakeRole

pytestmark = pytest.mark.anyio


async def permissions_of(tenantry: App, user: str) -> UserPermissions:
    action = GetPermissionsAction(user=user)
    return (await tenantry.grants.get_permissions.wait_for_complete(action)).data


async def test_all_that_a_user_may_is_a_set(
    tenantry: App, give: Give, make_role: MakeRole, john: UserData, acme: str
) -> None:
    await make_role("analyst", "SELECT", "CREATE_VIEW", databases=["d", "e"], members=[john])
    await give("john", "INSERT", database="d", table="t")
    await give("analyst", "DELETE", database="d", schema="s")
    found = await permissions_of(tenantry, "john")
    assert "SELECT" in found
    assert "insert" in found
    assert "UPDATE" not in found
    assert ("SELECT", "d") in found
    assert ("SELECT", "d", "any", "thing") in found
    assert ("INSERT", "d", "public", "t") in found
    assert ("INSERT", "d", None, "t") in found
    assert ("INSERT", "d") not in found
    assert ("DELETE", "d", "s", "t") in found
    assert ("SELECT", "f") not in found
    assert repr(found) == (
        "{CREATE_VIEW on d, CREATE_VIEW on e, DELETE on d.s, INSERT on d.public.t, SELECT on d,"
        " SELECT on e}"
    )
    assert repr(await permissions_of(tenantry, "john")) == repr(found)
    assert len(found) == len(list(found)) == 6
    with pytest.raises(InvalidInput):
        assert "SELEKT" in found


async def test_the_set_holds_all_as_every_single_privilege(
    tenantry: App, give: Give, john: UserData
) -> None:
    await give("john", "ALL", database="d")
    found = await permissions_of(tenantry, "john")
    assert {entry[0] for entry in found} == {p.value for p in Privilege} - {"ALL"}
    assert "GRANT_PRIVILEGES" in found
    assert ("TRUNCATE", "d", "s", "t") in found


async def test_the_set_is_of_what_holds_now_and_here(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any, wile: UserData, roadrunner: UserData
) -> None:
    await make_role("tracker", "UPDATE", tenant="acme", members=[roadrunner])
    with acting_as(wile):
        await give("roadrunner", "SELECT")
        await give("roadrunner", "INSERT", database="not-of-acme")
    await give("roadrunner", "DELETE", database="d", valid_until=clock.now() + timedelta(hours=1))
    assert repr(await permissions_of(tenantry, "roadrunner")) == (
        "{DELETE on d, SELECT on acme-sales, UPDATE on acme-sales}"
    )
    clock.advance(hours=2)
    assert "DELETE" not in await permissions_of(tenantry, "roadrunner")
    await tenantry.run(SuspendTenantAction("acme"))
    assert len(await permissions_of(tenantry, "roadrunner")) == 0
