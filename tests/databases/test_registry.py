"""Putting databases under management, changing and letting them go."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.databases.actions import (
    AddDatabaseAction,
    GetDatabaseAction,
    ListDatabasesAction,
    ModifyDatabaseAction,
    RemoveDatabaseAction,
)
from tenantry.databases.managed import DatabaseKind, DatabaseModifier, Standing
from tenantry.errors import (
    DatabaseConflict,
    DatabaseNotFound,
    InvalidInput,
    PermissionError,
    TenantNotFound,
    VersionConflict,
)
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.tenants.actions import AssignDatabaseToTenantAction
from tenantry.tenants.model import CreatedTenant
from tenantry.testing.users import make_user
from tenantry.users.model import UserRole
from tests.conftest import Trail
from tests.databases.conftest import DSN, SECRET, AddDatabase

pytestmark = pytest.mark.anyio


async def test_a_database_is_known_by_its_name_and_its_secret_is_never_told(
    tenantry: App, owner: asyncpg.Connection, add: AddDatabase, trail: Trail
) -> None:
    made = await add("analytics_db")
    assert (made.kind, made.host, made.port) == (DatabaseKind.POSTGRESQL, "127.0.0.1", 5432)
    assert (made.remote_name, made.username, made.standing) == ("analytics", "keeper", Standing.NEW)
    found = await tenantry.databases.get_database.wait_for_complete(
        GetDatabaseAction("analytics_db")
    )
    assert found.data == made
    sealed = await owner.fetchval("select secret from managed_databases")
    assert sealed is not None
    assert SECRET.encode() not in sealed
    (entry,) = await trail("database.add")
    assert entry.changes["host"] == [None, "127.0.0.1"]
    assert SECRET not in repr(entry)


async def test_it_belongs_to_the_tenant_named_and_to_nobody_otherwise(
    tenantry: App, add: AddDatabase, acme: CreatedTenant
) -> None:
    assert (await add("sales", domain_name="acme")).domain_name == "acme"
    assert (await add("common")).domain_name is None
    with pytest.raises(TenantNotFound):
        await add("other", domain_name="nowhere")
    with pytest.raises(DatabaseNotFound):
        await tenantry.databases.get_database.wait_for_complete(GetDatabaseAction("other"))


async def test_a_database_of_another_tenant_cannot_be_claimed(
    tenantry: App, add: AddDatabase, acme: CreatedTenant
) -> None:
    await tenantry.tenants.assign_database.wait_for_complete(
        AssignDatabaseToTenantAction("default", "sales")
    )
    with pytest.raises(DatabaseConflict):
        await add("sales", domain_name="acme")


async def test_of_many_who_add_the_same_database_one_does(add: AddDatabase) -> None:
    results = await asyncio.gather(*(add("sales") for _ in range(20)), return_exceptions=True)
    conflicts = [r for r in results if isinstance(r, DatabaseConflict)]
    assert (len(conflicts), {c.field for c in conflicts}) == (19, {"database"})


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"dsn": "postgresql://keeper:geheim@127.0.0.1/a"}, "dsn"),
        ({"dsn": "mysql://keeper@127.0.0.1/a"}, "dsn"),
        ({"dsn": "x" * 4000}, "dsn"),
        ({"secret": "s" * 4097}, "secret"),
        ({"secret": "a\nb"}, "secret"),
        ({"name": ""}, "database"),
        ({"name": "d" * 64}, "database"),
        ({"name": "a\u202eb"}, "database"),
    ],
)
async def test_what_cannot_be_is_refused_by_name_and_nothing_is_stored(
    tenantry: App, add: AddDatabase, said: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await add(**{"name": "sales", **said})
    assert caught.value.field == field
    assert "geheim" not in str(caught.value)
    page = await tenantry.databases.list_databases.wait_for_complete(ListDatabasesAction())
    assert page.items == []


async def test_another_address_needs_the_secret_again(
    tenantry: App, owner: asyncpg.Connection, add: AddDatabase, trail: Trail
) -> None:
    made = await add("sales")
    elsewhere = OptionalState.update("postgresql://keeper@127.0.0.2/analytics")
    modify = tenantry.databases.modify_database.wait_for_complete
    with pytest.raises(InvalidInput) as caught:
        await modify(ModifyDatabaseAction("sales", DatabaseModifier(dsn=elsewhere)))
    assert caught.value.field == "secret"
    before = await owner.fetchval("select secret from managed_databases")
    both = DatabaseModifier(dsn=elsewhere, secret=OptionalState.update("another one"))
    changed = (await modify(ModifyDatabaseAction("sales", both, made.version))).data
    assert (changed.host, changed.version) == ("127.0.0.2", made.version + 1)
    assert await owner.fetchval("select secret from managed_databases") != before
    assert (await trail("database.modify"))[0].changes["secret"] == ["***", "***"]
    with pytest.raises(VersionConflict):
        await modify(ModifyDatabaseAction("sales", both, made.version))
    with pytest.raises(InvalidInput):
        await modify(ModifyDatabaseAction("sales"))


async def test_the_secrets_are_sealed_anew_with_a_new_key(
    tenantry: App, owner: asyncpg.Connection, add: AddDatabase
) -> None:
    made = await add("sales")
    vault = tenantry.assembly.databases.secrets
    before = await owner.fetchval("select secret from managed_databases")
    await vault.reseal()
    after = await owner.fetchval("select secret from managed_databases")
    assert before != after
    assert vault.opened(made.id, after) == SECRET


async def test_who_administers_a_tenant_sees_its_databases_and_changes_none(
    tenantry: App, add: AddDatabase, acme: CreatedTenant
) -> None:
    await add("sales", domain_name="acme")
    await add("common")
    admin = await make_user(tenantry, "wile", domain_name="acme", role=UserRole.ADMIN)
    with acting_as(admin):
        page = await tenantry.databases.list_databases.wait_for_complete(ListDatabasesAction())
        assert [database.name for database in page.items] == ["sales"]
        with pytest.raises(DatabaseNotFound):
            await tenantry.databases.get_database.wait_for_complete(GetDatabaseAction("common"))
        with pytest.raises(PermissionError):
            await tenantry.databases.remove_database.wait_for_complete(
                RemoveDatabaseAction("sales")
            )


async def test_pages_go_on_where_the_last_one_ended(tenantry: App) -> None:
    for name in ("c", "a", "b"):
        action = AddDatabaseAction(database=name, dsn=DSN)
        await tenantry.databases.add_database.wait_for_complete(action)
    run = tenantry.databases.list_databases.wait_for_complete
    first = await run(ListDatabasesAction(limit=2))
    second = await run(ListDatabasesAction(limit=2, cursor=first.next_cursor))
    assert [d.name for d in (*first.items, *second.items)] == ["a", "b", "c"]
    assert second.next_cursor is None


async def test_a_database_that_is_let_go_can_be_added_again(
    tenantry: App, add: AddDatabase, trail: Trail
) -> None:
    await add("sales")
    remove = tenantry.databases.remove_database.wait_for_complete
    assert (await remove(RemoveDatabaseAction("sales"))).data.name == "sales"
    with pytest.raises(DatabaseNotFound):
        await remove(RemoveDatabaseAction("sales"))
    assert (await trail("database.remove"))[-1].target == "sales"
    await add("sales")
