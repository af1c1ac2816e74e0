"""Brings the schema up to date. Alembic is slow to import, so only when there is work to do."""

import asyncio
from pathlib import Path

import asyncpg

from tenantry.errors import ConfigurationError, ConnectionError

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 7_380_215  # any number, the same in every process that migrates
DEADLINE = 600.0


def newest_revision() -> str:
    """The revision that this release needs: the highest number among the steps."""
    return max(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))


async def current_revision(connection: asyncpg.Connection) -> str | None:
    """The revision that the database has, None for an empty one."""
    if await connection.fetchval("select to_regclass('public.alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval(
        "select version_num from public.alembic_version"
    )
    return revision


async def migrate(dsn: str) -> str:
    """Run the steps that are missing, one process at a time; the revision reached.

    Raises ConfigurationError when the database is of a newer release.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=DEADLINE)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise ConnectionError(f"The database cannot be reached to migrate it: {error}") from error
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        present, needed = await current_revision(connection), newest_revision()
        if present is not None and present > needed:
            message = f"The database is at revision {present}, this release knows {needed} only."
            raise ConfigurationError(message)
        if present != needed:
            await _run_alembic(dsn)
            await connection.execute("call public.raise_walls()")
        return needed
    finally:
        await connection.close(timeout=5)


async def _run_alembic(dsn: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import create_async_engine

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, timeout=10)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    try:
        async with asyncio.timeout(DEADLINE), engine.connect() as connection:
            await connection.run_sync(upgrade)
            await connection.commit()
    finally:
        await engine.dispose()
