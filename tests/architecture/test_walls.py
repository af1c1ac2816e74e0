"""Each table has a wall around each tenant's rows, or is open to all on purpose."""

import asyncpg
import pytest

from tenantry.adapters.postgres.fence import MEMBER
from tenantry.app import App

pytestmark = pytest.mark.anyio

# A table with one of these columns says whose its rows are.
TELLING = ("tenant_id", "user_id", "owner_id", "role_id")


async def tables(owner: asyncpg.Connection) -> dict[str, bool]:
    """All tables, and whether row-level security is on."""
    rows = await owner.fetch(
        "select relname, relrowsecurity from pg_class where relkind in ('r', 'p')"
        " and not relispartition and relnamespace = 'public'::regnamespace"
    )
    return {row["relname"]: row["relrowsecurity"] for row in rows}


async def test_every_table_that_says_whose_its_rows_are_is_walled_in(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and not c.relispartition and a.attname = any($1) and not a.attisdropped",
        list(TELLING),
    )
    found = await tables(owner)
    unwalled = {row["relname"] for row in rows if not found[row["relname"]]}
    assert unwalled == set(), "call wall_in() in the migration that makes the table; decision 90"
    assert {"tenants", "users", "audit_entries"} <= {
        table for table, walled in found.items() if walled
    }


async def test_members_see_one_tenant_and_the_application_all_without_a_condition(
    owner: asyncpg.Connection,
) -> None:
    policies = await owner.fetch("select * from pg_policies order by tablename, policyname")
    assert {row["tablename"] for row in policies} == {
        table for table, walled in (await tables(owner)).items() if walled
    }
    for row in policies:
        whole = {"everything": "tenantry_app", "own_tenant": MEMBER}
        assert row["roles"] == [whole[row["policyname"]]], row["tablename"]
        assert (row["permissive"], row["cmd"]) == ("PERMISSIVE", "ALL")
        if row["policyname"] == "everything":
            assert (row["qual"], row["with_check"]) == ("true", "true")
    forced = await owner.fetchval("select count(*) from pg_class where relforcerowsecurity")
    assert forced == 0


async def test_members_may_do_no_more_with_a_table_than_the_application(
    owner: asyncpg.Connection,
) -> None:
    more = await owner.fetch(
        "select c.relname, p.privilege from pg_class c,"
        " unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references',"
        " 'trigger']) as p (privilege)"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and has_table_privilege($1, c.oid, p.privilege)"
        " and not has_table_privilege('tenantry_app', c.oid, p.privilege)",
        MEMBER,
    )
    assert [tuple(row) for row in more] == []


async def test_the_role_of_members_is_put_on_and_never_inherited(owner: asyncpg.Connection) -> None:
    assert not await owner.fetchval(
        "select pg_has_role('tenantry_app', $1, 'usage') or rolcanlogin or rolbypassrls"
        " from pg_roles where rolname = $1",
        MEMBER,
    )
    assert await owner.fetchval("select pg_has_role('tenantry_app', $1, 'set')", MEMBER)
    owned = await owner.fetchval(
        "select count(*) from pg_shdepend where deptype = 'o' and refobjid = $1::regrole", MEMBER
    )
    assert owned == 0


async def test_partitions_are_no_way_round_the_walls(
    tenantry: App, owner: asyncpg.Connection, application: asyncpg.Connection
) -> None:
    await application.execute(f"set role {MEMBER}")
    parts = await owner.fetch(
        "select inhrelid::regclass::text as name from pg_inherits"
        " join pg_class c on c.oid = inhrelid where c.relkind = 'r'"
    )
    assert parts
    for part in parts:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.fetch(f"select from {part['name']}")


async def test_without_a_tenant_named_a_member_sees_nothing(
    application: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await application.execute(f"set role {MEMBER}")
    walled = [table for table, walled in (await tables(owner)).items() if walled]
    for table in walled:
        readable = "select has_table_privilege($1, 'select')"
        if await application.fetchval(readable, table):
            assert await application.fetchval(f"select count(*) from {table}") == 0, table
