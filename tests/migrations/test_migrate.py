"""Bringing a database up to date."""

import asyncio
import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.postgres.migrate import SCRIPTS, current_revision, migrate, newest_revision
from tenantry.errors import ConfigurationError, ConnectionError

pytestmark = pytest.mark.anyio

# Everything that makes up a schema, as text that does not depend on object numbers.
CATALOG = """
select 'column', c.relname, a.attnum::text, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull::text, coalesce(pg_get_expr(d.adbin, d.adrelid), '')
from pg_attribute a join pg_class c on c.oid = a.attrelid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and c.relkind in ('r', 'p')
union all select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid),
    '', '', ''
from pg_constraint where connamespace = 'public'::regnamespace
union all select 'index', tablename, indexname, indexdef, '', '', ''
from pg_indexes where schemaname = 'public'
union all select 'function', proname, pg_get_function_identity_arguments(p.oid), prosrc,
    prosecdef::text, coalesce(proconfig::text, ''), coalesce(proacl::text, '')
from pg_proc p where pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
union all select 'table', relname, relkind::text, relpersistence::text, relrowsecurity::text,
    relforcerowsecurity::text, coalesce(relacl::text, '')
from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'S')
union all select 'grant', table_name, column_name, grantee, privilege_type, '', ''
from information_schema.column_privileges where table_schema = 'public'
union all select 'policy', tablename, policyname, cmd, coalesce(qual, ''),
    coalesce(with_check, ''), ''
from pg_policies
union all select 'extension', extname, '', '', '', '', '' from pg_extension
order by 1, 2, 3, 4, 5, 6, 7
"""


class Fresh:
    """An empty database of its own."""

    def __init__(self, dsn: str, name: str) -> None:
        self.dsn = dsn
        self.name = name

    async def schema(self) -> list[tuple[str, ...]]:
        return await schema_of(self.dsn)

    async def run(self, sql: str) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


async def schema_of(dsn: str) -> list[tuple[str, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(CATALOG)]
    finally:
        await connection.close()


@pytest.fixture
async def fresh(postgres: EmbeddedPostgres) -> AsyncIterator[Fresh]:
    name = f"fresh_{uuid4().hex[:12]}"
    owner = await asyncpg.connect(postgres.dsn("tenantry_owner", "postgres"))
    await owner.execute(f"create database {name}")
    yield Fresh(postgres.dsn("tenantry_owner", name), name)
    await owner.execute(f"drop database {name} with (force)")
    await owner.close()


async def test_an_empty_database_gets_the_schema_that_all_tests_run_on(
    fresh: Fresh, postgres: EmbeddedPostgres, database: str
) -> None:
    assert await migrate(fresh.dsn) == newest_revision()
    template = await schema_of(postgres.dsn("tenantry_owner", "template_tenantry"))
    made = await fresh.schema()
    assert len(made) > 100
    assert made == template


async def test_migrating_again_changes_nothing(fresh: Fresh) -> None:
    await migrate(fresh.dsn)
    before = await fresh.schema()
    assert await migrate(fresh.dsn) == newest_revision()
    assert await fresh.schema() == before


async def test_the_application_can_make_nothing_in_the_database(
    fresh: Fresh, postgres: EmbeddedPostgres
) -> None:
    await migrate(fresh.dsn)
    for role in ("tenantry_app", "tenantry_member"):
        connection = await asyncpg.connect(postgres.dsn("tenantry_app", fresh.name))
        await connection.execute(f"set role {role}")
        for what in ("temporary table mine (id int)", "table mine (id int)", "schema mine"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"create {what}")
        await connection.close()


async def test_each_step_can_be_the_last_one_of_an_older_release(fresh: Fresh) -> None:
    """A database that stopped at any step is brought to the same schema."""
    revisions = sorted(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(fresh.dsn)
    )

    def upgrade(connection: Connection, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    for revision in revisions:
        async with engine.connect() as connection:
            await connection.run_sync(upgrade, revision)
            await connection.commit()
        raw = await asyncpg.connect(fresh.dsn)
        assert await current_revision(raw) == revision
        await raw.close()
    await engine.dispose()
    stepwise = await fresh.schema()
    await fresh.run("drop schema public cascade; create schema public")
    await migrate(fresh.dsn)
    assert [row for row in await fresh.schema() if row[0] != "grant"] == [
        row for row in stepwise if row[0] != "grant"
    ]


async def test_two_that_migrate_at_once_do_it_once(fresh: Fresh) -> None:
    reached = await asyncio.gather(*(migrate(fresh.dsn) for _ in range(3)))
    assert set(reached) == {newest_revision()}


async def test_two_processes_that_migrate_at_once_do_it_once(fresh: Fresh) -> None:
    script = (
        "import asyncio, sys; from tenantry.adapters.postgres.migrate import migrate;"
        "print(asyncio.run(migrate(sys.argv[1])))"
    )
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            fresh.dsn,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in both:
        out, err = await process.communicate()
        assert (process.returncode, err.decode()) == (0, "")
        assert out.decode().strip() == newest_revision()


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(fresh: Fresh) -> None:
    await migrate(fresh.dsn)
    await fresh.run("update alembic_version set version_num = '9999'")
    before = await fresh.schema()
    with pytest.raises(ConfigurationError, match=f"9999.*{newest_revision()}"):
        await migrate(fresh.dsn)
    assert await fresh.schema() == before


async def test_a_step_that_fails_leaves_the_database_as_it_was(fresh: Fresh) -> None:
    await fresh.run("create table tenants (id int)")
    before = await fresh.schema()
    with pytest.raises(Exception, match="tenants"):
        await migrate(fresh.dsn)
    assert await fresh.schema() == before
    await fresh.run("drop table tenants")
    assert await migrate(fresh.dsn) == newest_revision()


async def test_a_database_out_of_reach_is_an_error_of_ours(postgres: EmbeddedPostgres) -> None:
    for dsn in (postgres.dsn("tenantry_owner", "nowhere"), "postgresql://x@127.0.0.1:1/x"):
        with pytest.raises(ConnectionError):
            await migrate(dsn)


def test_the_steps_are_one_line_and_only_go_forward() -> None:
    paths = list((SCRIPTS / "versions").glob("[0-9]*.py"))
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    steps = list(ScriptDirectory.from_config(config).walk_revisions())
    assert sorted(step.revision for step in steps) == sorted(path.name[:4] for path in paths)
    assert [step.down_revision for step in steps] == [*(s.revision for s in steps[1:]), None]
    for path in paths:
        assert "def downgrade" not in path.read_text()
