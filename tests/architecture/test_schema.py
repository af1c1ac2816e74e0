"""The schema keeps its rules, and the application's role can do no more than it needs."""

import asyncpg
import pytest

pytestmark = pytest.mark.anyio


async def test_no_triggers_domains_sequences_rules_or_exclusion_constraints(
    owner: asyncpg.Connection,
) -> None:
    for question in (
        "select tgname as name from pg_trigger where not tgisinternal",
        "select typname as name from pg_type where typtype = 'd'"
        " and typnamespace = 'public'::regnamespace",
        "select relname as name from pg_class where relkind in ('S', 'f')"
        " and relnamespace = 'public'::regnamespace",
        "select conname as name from pg_constraint where contype = 'x'",
        "select rulename as name from pg_rules where schemaname = 'public'",
        "select relname as name from pg_class where relkind = 'r' and relpersistence <> 'p'"
        " and relnamespace = 'public'::regnamespace",
    ):
        assert [row["name"] for row in await owner.fetch(question)] == []


async def test_every_moment_is_finite(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        """
        select c.relname || '.' || a.attname as name
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        left join pg_partitioned_table p on p.partrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and not c.relispartition and a.attnum > 0 and not a.attisdropped
            and a.atttypid = 'timestamptz'::regtype
            and not (p.partattrs is not null and a.attnum = any (p.partattrs::int2[]))
            and not exists (
                select from pg_constraint k
                where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey)
                    and pg_get_constraintdef(k.oid) like '%isfinite(' || a.attname || ')%')
        """
    )
    assert [row["name"] for row in rows] == []


async def test_no_moment_is_without_a_zone(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type in ('timestamp without time zone',"
        " 'time without time zone', 'time with time zone')"
    )
    assert [tuple(row) for row in rows] == []


async def test_every_table_has_a_primary_key(
    owner: asyncpg.Connection,
) -> None:
    keyless = await owner.fetch(
        "select relname from pg_class c where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace and not exists"
        " (select from pg_constraint where conrelid = c.oid and contype = 'p')"
    )
    assert [row["relname"] for row in keyless] == []


async def test_names_are_compared_byte_by_byte(owner: asyncpg.Connection) -> None:
    provider = await owner.fetchval(
        "select datlocprovider::text || ' ' || coalesce(datlocale, datcollate) from pg_database"
        " where datname = current_database()"
    )
    assert provider == "b C.UTF-8"
    assert await owner.fetchval("select 'a' < 'b' and 'B' < 'a' and 'z' < 'é'")


async def test_the_application_owns_nothing_and_is_nothing_special(
    owner: asyncpg.Connection,
) -> None:
    role = await owner.fetchrow(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles"
        " where rolname = 'tenantry_app'"
    )
    assert role is not None
    assert not any(role.values())
    owned = await owner.fetchval(
        "select count(*) from pg_shdepend"
        " where deptype = 'o' and refobjid = 'tenantry_app'::regrole"
    )
    assert owned == 0
    member = (
        "select roleid::regrole::text from pg_auth_members where member = 'tenantry_app'::regrole"
    )
    # A role that can do less, see test_walls.py.
    assert [row[0] for row in await owner.fetch(member)] == ["tenantry_member"]


@pytest.mark.parametrize(
    "sql",
    [
        "create table mine (id int)",
        "create schema mine",
        "create function f() returns int language sql as 'select 1'",
        "create extension hstore",
        "create role mallory",
        "create database mine",
        "alter table users add column mine int",
        "alter table users disable trigger all",
        "drop table users",
        "drop index users_search",
        "truncate users",
        "truncate audit_entries",
        "update audit_entries set actor = 'x'",
        "delete from audit_entries",
        "select from audit_entries for update",
        "update installation set cursor_key = ''",
        "delete from installation",
        "insert into alembic_version values ('9999')",
        "update alembic_version set version_num = '9999'",
        "select * from pg_authid",
        "select * from pg_shadow",
        "select pg_read_file('postgresql.conf')",
        "copy users to program 'cat'",
        "copy users to '/tmp/users'",
        "set role tenantry_owner",
        "set session_replication_role = replica",
        "alter role tenantry_app superuser",
        "alter system set fsync = off",
        "create index mine on users (phone)",
        "create trigger mine before update on users"
        " execute function suppress_redundant_updates_trigger()",
        "comment on table users is 'mine'",
    ],
)
async def test_the_application_may_not(application: asyncpg.Connection, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute(sql)


async def test_partitions_are_no_way_round_the_audits_rules(
    application: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    parts = await owner.fetch(
        "select inhrelid::regclass::text as name from pg_inherits"
        " where inhparent = 'audit_entries'::regclass"
    )
    for part in parts:
        for sql in (f"update {part['name']} set actor = 'x'", f"delete from {part['name']}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.execute(sql)
