"""The page on a PostgreSQL of one's own: its SQL is run as a superuser, and the system opens."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import open_app
from tenantry.settings import Settings
from tests.docs.blocks import DOCS, blocks_of

pytestmark = pytest.mark.anyio

PAGE = DOCS / "how-to" / "use-your-own-postgresql.md"
SUPERUSER = "tenantry_owner"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that has never seen us, but for the name of its superuser."""
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        yield server


async def test_the_system_opens_on_what_the_page_makes(
    bare: EmbeddedPostgres, settings: Settings
) -> None:
    superuser = await asyncpg.connect(bare.dsn(SUPERUSER, "postgres"))
    for block in blocks_of(PAGE):
        if block.language == "sql":
            for statement in filter(str.strip, block.text.split(";")):
                await superuser.execute(statement)
    await superuser.close()
    named = replace(
        settings,
        database_url=bare.dsn("tenantry_app", "accounts"),
        migration_database_url=bare.dsn("accounts_owner", "accounts"),
    )
    async with open_app(named) as app:
        assert all(check.ok for check in await app.readiness())
    async with open_app(replace(named, migration_database_url=None)):
        pass  # nothing to migrate: the owner is not needed
    application = await asyncpg.connect(bare.dsn("tenantry_app", "accounts"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute("delete from audit_entries")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute("create table t (id integer)")
    await application.close()
