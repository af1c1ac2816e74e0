"""What becomes of grants when a user moves, a user or a tenant is removed."""

from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.kernel.action import acting_as
from tenantry.tenants.actions import (
    AssignUserToTenantAction,
    DeleteTenantAction,
    PreviewTenantDeletionAction,
)
from tenantry.testing.users import make_user
from tenantry.users.actions import PreviewPurgeAction, PurgeUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail

from .conftest import Give, Held, MakeRole, May

pytestmark = pytest.mark.anyio


async def move(tenantry: App, user: str, tenant: str) -> None:
    action = AssignUserToTenantAction(tenant, user)
    await tenantry.tenants.assign_user.wait_for_complete(action)


async def given_here_and_there(give: Give, wile: UserData) -> None:
    with acting_as(wile):
        await give("roadrunner", "SELECT")
    await give("roadrunner", "INSERT", database="acme-sales")
    await give("roadrunner", "UPDATE", database="umbrella-sales")
    await give("roadrunner", "DELETE", database="nobodys")


async def test_who_moves_between_open_tenants_keeps_all_grants(
    tenantry: App, give: Give, held: Held, wile: UserData, roadrunner: UserData, umbrella: str
) -> None:
    await given_here_and_there(give, wile)
    await move(tenantry, "roadrunner", umbrella)
    assert len(await held("roadrunner")) == 4


@pytest.mark.parametrize("closed", ["acme", "umbrella"])
async def test_who_moves_leaves_behind_what_a_closed_wall_forbids(
    tenantry: App,
    give: Give,
    held: Held,
    may: May,
    trail: Trail,
    isolate: Any,
    wile: UserData,
    roadrunner: UserData,
    umbrella: str,
    closed: str,
) -> None:
    await given_here_and_there(give, wile)
    await isolate(closed)
    await move(tenantry, "roadrunner", umbrella)
    assert {g.label() for g in await held("roadrunner")} == {
        "UPDATE on umbrella-sales",
        "DELETE on nobodys",
    }
    assert not await may("roadrunner", "SELECT", "acme-sales")
    assert not await may("roadrunner", "INSERT", "acme-sales")
    assert await may("roadrunner", "UPDATE", "umbrella-sales")
    (entry,) = [e for e in await trail("tenant.assign_user") if "SELECT" in str(e.changes)]
    assert entry.changes == {
        "SELECT on everything": [{"within": "acme"}, None],
        "INSERT on acme-sales": [{}, None],
    }


async def test_a_purge_counts_grants_and_removes_them(
    tenantry: App, give: Give, owner: asyncpg.Connection, john: UserData
) -> None:
    await give("john", "SELECT", "INSERT", database="sales")
    plan = await tenantry.users.preview_purge.wait_for_complete(PreviewPurgeAction(user="john"))
    assert plan.data.steps["grants"] == {"removed": 2}
    purge = PurgeUserAction(user="john")
    receipt = await tenantry.users.purge_user.wait_for_complete(purge)
    assert receipt.data.steps["grants"] == {"removed": 2}
    assert await owner.fetchval("select count(*) from grants") == 0


async def test_a_new_user_of_a_purged_name_inherits_nothing(
    tenantry: App, give: Give, held: Held, may: May, john: UserData
) -> None:
    await give("john", "ALL")
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    await make_user(tenantry, "john")
    assert await held("john") == []
    assert not await may("john", "SELECT", "sales")


async def test_what_a_purged_admin_granted_stays(
    tenantry: App, give: Give, held: Held, wile: UserData, roadrunner: UserData
) -> None:
    await make_user(tenantry, "second", domain_name="acme", role="admin")
    with acting_as(wile):
        await give("roadrunner", "SELECT", database="acme-sales")
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="wile"))
    (grant,) = await held("roadrunner")
    assert (grant.granted_by, grant.within) == (None, "acme")


async def test_a_tenant_that_is_deleted_takes_its_grants_along(
    tenantry: App,
    give: Give,
    held: Held,
    make_role: MakeRole,
    wile: UserData,
    roadrunner: UserData,
    umbrella: str,
) -> None:
    await make_role("tracker", tenant="acme")
    await make_user(tenantry, "coyote", domain_name="acme")
    with acting_as(wile):
        for principal in ("roadrunner", "coyote", "tracker"):
            await give(principal, "SELECT", database="acme-sales")
    await give("roadrunner", "SELECT", database="nobodys")
    await move(tenantry, "roadrunner", umbrella)
    preview = PreviewTenantDeletionAction("acme")
    plan = await tenantry.tenants.preview_deletion.wait_for_complete(preview)
    assert plan.data.removed["grants"] == 2
    receipt = await tenantry.tenants.delete_tenant.wait_for_complete(DeleteTenantAction("acme"))
    assert receipt.data.removed == plan.data.removed
    assert [g.database for g in await held("roadrunner")] == ["nobodys"]
