"""Changing tenants: what an admin may say, limits, isolation, and databases."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    StateConflict,
    TenantConflict,
    TenantLimitReached,
    TenantNotFound,
    VersionConflict,
)
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    ListTenantDatabasesAction,
    ReleaseDatabaseAction,
    SetTenantIsolationAction,
    UpdateTenantAction,
)
from tenantry.tenants.model import CreatedTenant, TenantData, TenantModifier
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.conftest import Trail
from tests.tenants.conftest import FindTenant, MakeTenant

pytestmark = pytest.mark.anyio


async def update(
    tenantry: App, tenant: str, version: int | None = None, **said: object
) -> TenantData:
    modifier = TenantModifier(**said)  # type: ignore[arg-type]  # of any field
    action = UpdateTenantAction(tenant, modifier, version)
    return (await tenantry.tenants.update_tenant.wait_for_complete(action)).data


async def test_what_is_named_changes_and_the_rest_stays(
    tenantry: App, acme: CreatedTenant, trail: Trail
) -> None:
    changed = await update(tenantry, "acme", name=OptionalState.update("ACME Corp"))
    assert (changed.name, changed.description) == ("ACME Corp", acme.description)
    assert changed.version == acme.version + 1
    assert (await trail("tenant.update"))[0].changes == {"name": ["acme", "ACME Corp"]}
    cleared = await update(tenantry, "acme corp", description=TriState.nullify())
    assert cleared.description is None
    again = await update(tenantry, "acme corp", description=TriState.nullify())
    assert again.version == cleared.version


async def test_an_admin_describes_the_own_tenant_and_changes_nothing_else(
    tenantry: App, acme: CreatedTenant, wile: UserData
) -> None:
    with acting_as(wile):
        changed = await update(tenantry, "acme", description=TriState.update("Rockets, too"))
        assert changed.description == "Rockets, too"
        for field, modifier in (
            ("name", TenantModifier(name=OptionalState.update("mine"))),
            ("max_users", TenantModifier(max_users=TriState.update(10**6))),
            ("max_databases", TenantModifier(max_databases=TriState.nullify())),
        ):
            action = UpdateTenantAction("acme", modifier)
            with pytest.raises(PermissionError) as caught:
                await tenantry.tenants.update_tenant.wait_for_complete(action)
            assert caught.value.field == field
        with pytest.raises(TenantNotFound):
            await update(tenantry, "default", description=TriState.update("mine"))


async def test_a_lost_update_is_refused(tenantry: App, acme: CreatedTenant) -> None:
    await update(tenantry, "acme", acme.version, max_users=TriState.update(5))
    with pytest.raises(VersionConflict):
        await update(tenantry, "acme", acme.version, max_users=TriState.update(6))


async def test_wrong_fields_are_named_and_nothing_is_no_change(
    tenantry: App, acme: CreatedTenant, make_tenant: MakeTenant
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await update(tenantry, "acme", name=OptionalState.update(""), max_users=TriState.update(-1))
    assert {v.field for v in caught.value.violations} == {"name", "max_users"}
    with pytest.raises(InvalidInput):
        await update(tenantry, "acme")
    await make_tenant("umbrella")
    with pytest.raises(TenantConflict):
        await update(tenantry, "acme", name=OptionalState.update("Umbrella"))


async def test_the_first_tenant_keeps_its_name(tenantry: App) -> None:
    with pytest.raises(StateConflict, match="keeps its name"):
        await update(tenantry, "default", name=OptionalState.update("mine"))
    assert (await update(tenantry, "default", max_users=TriState.update(9))).max_users == 9


async def test_a_tenant_that_is_full_takes_nobody_more(tenantry: App, acme: CreatedTenant) -> None:
    await update(tenantry, "acme", max_users=TriState.update(2))
    await make_user(tenantry, "second", domain_name="acme")
    with pytest.raises(TenantLimitReached) as caught:
        await make_user(tenantry, "third", domain_name="acme")
    assert caught.value.field == "domain_name"
    await update(tenantry, "acme", max_users=TriState.nullify())
    await make_user(tenantry, "third", domain_name="acme")


async def test_many_at_once_do_not_outrun_the_limit(
    tenantry: App, acme: CreatedTenant, find_tenant: FindTenant
) -> None:
    await update(tenantry, "acme", max_users=TriState.update(4))
    made = [make_user(tenantry, f"user{i}", domain_name="acme") for i in range(8)]
    results = await asyncio.gather(*made, return_exceptions=True)
    assert sum(isinstance(result, TenantLimitReached) for result in results) == 5
    now = await find_tenant("acme")
    assert now is not None
    assert now.user_count == 4


async def test_the_wall_is_closed_and_opened(
    tenantry: App, acme: CreatedTenant, wile: UserData, trail: Trail
) -> None:
    for isolated in (True, True, False):
        action = SetTenantIsolationAction("acme", isolated)
        result = await tenantry.tenants.set_isolation.wait_for_complete(action)
        assert result.data.isolated is isolated
    said = [entry.changes for entry in await trail("tenant.isolate")]
    assert said == [{"isolated": [True, False]}, {}, {"isolated": [False, True]}]
    with acting_as(wile), pytest.raises(PermissionError):
        await tenantry.tenants.set_isolation.wait_for_complete(
            SetTenantIsolationAction("acme", isolated=False)
        )


async def databases(tenantry: App, tenant: str) -> list[str]:
    action = ListTenantDatabasesAction(tenant)
    page = await tenantry.tenants.list_databases.wait_for_complete(action)
    return [entry.database for entry in page.items]


async def assign(tenantry: App, tenant: str, database: str) -> None:
    action = AssignDatabaseToTenantAction(tenant, database)
    await tenantry.tenants.assign_database.wait_for_complete(action)


async def test_a_database_belongs_to_one_tenant_at_a_time(
    tenantry: App, acme: CreatedTenant, wile: UserData, find_tenant: FindTenant
) -> None:
    await assign(tenantry, "acme", "sales")
    await assign(tenantry, "acme", "sales")
    await assign(tenantry, "acme", "hr")
    assert await databases(tenantry, "acme") == ["hr", "sales"]
    found = await find_tenant("acme")
    assert found is not None
    assert found.database_count == 2
    await assign(tenantry, "default", "sales")
    assert await databases(tenantry, "acme") == ["hr"]
    assert await databases(tenantry, "default") == ["sales"]
    release = ReleaseDatabaseAction("acme", "hr")
    await tenantry.tenants.release_database.wait_for_complete(release)
    assert await databases(tenantry, "acme") == []
    with pytest.raises(StateConflict) as caught:
        await tenantry.tenants.release_database.wait_for_complete(release)
    assert caught.value.field == "database"
    with acting_as(wile):
        with pytest.raises(PermissionError):
            await assign(tenantry, "acme", "sales")
        with pytest.raises(TenantNotFound):
            await databases(tenantry, "default")


async def test_a_tenant_has_as_many_databases_as_it_may(tenantry: App, acme: CreatedTenant) -> None:
    await update(tenantry, "acme", max_databases=TriState.update(1))
    await assign(tenantry, "acme", "one")
    await assign(tenantry, "acme", "one")
    with pytest.raises(TenantLimitReached):
        await assign(tenantry, "acme", "two")
    assert await databases(tenantry, "acme") == ["one"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 64, "a\tb", "\u00e4" * 32])
async def test_a_database_needs_a_name_that_a_server_can_bear(
    tenantry: App, acme: CreatedTenant, name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await assign(tenantry, "acme", name)
    assert caught.value.field == "database"
