"""A dump that is restored into another cluster, where transactions are counted anew."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.postgres.binaries import find_programs
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import App, open_app
from tenantry.audit.actions import SearchAuditAction
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData

from .conftest import log_in, seal, verify

pytestmark = pytest.mark.anyio

OWNER = "tenantry_owner"
BUSY = """
    do $$ begin
        for number in 1 .. 10000 loop perform pg_current_xact_id(); commit; end loop;
    end $$
"""
"""Makes the cluster count far beyond where the other one will be."""


async def program(*words: str) -> None:
    """Run one of the programs that come with the server."""
    process = await asyncio.create_subprocess_exec(
        str(find_programs(None) / words[0]),
        *words[1:],
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_the_chain_holds_and_goes_on_in_another_cluster(
    tenantry: App,
    john: UserData,
    postgres: EmbeddedPostgres,
    database: str,
    settings: Settings,
    clock: ShiftedClock,
    tmp_path: Path,
    owner: asyncpg.Connection,
) -> None:
    await owner.execute(BUSY)
    await log_in(tenantry, "john")
    await seal(tenantry)
    before = await verify(tenantry)
    dump = str(tmp_path / "dump")
    await program("pg_dump", "-Fc", "-f", dump, "-d", postgres.dsn(OWNER, database))
    data_dir = tmp_path / "restored"
    shutil.copytree(settings.data_dir, data_dir)  # with the key file, and the anchor
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as other:
        dsn = other.dsn(OWNER, "postgres")
        new_owner = await asyncpg.connect(dsn)
        await new_owner.execute(
            "create role tenantry_app login; create role tenantry_member;"
            " grant tenantry_member to tenantry_app with inherit false, set true"
        )
        await program("pg_restore", "-d", dsn, dump)
        restored = replace(
            settings,
            data_dir=data_dir,
            database_url=other.dsn("tenantry_app", "postgres"),
            migration_database_url=dsn,
        )
        async with open_app(restored, clock=clock, upkeep=False) as app:
            found = await verify(app)
            assert (found.findings, found.entries) == ([], before.entries)
            await make_user(app, "jane")
            await seal(app)
            found = await verify(app)
            assert (found.findings, found.entries) == ([], before.entries + 1)
            search = SearchAuditAction(user="john", action="login")
            (entry,) = (await app.audit.search.wait_for_complete(search)).items
            assert (entry.target, entry.ip_address) == ("john", "203.0.113.7")
        await new_owner.close()
