"""Databases for tests: migrated once as a template, and copied from it in a moment."""

import asyncpg

from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.adapters.postgres.migrate import migrate

_LOCK = 7_380_216
_TEMPLATE = "template_tenantry"


async def create_database(server: EmbeddedPostgres, name: str) -> None:
    """Make a migrated database of this name, in the place of one that is there.

    Several processes may share the server; the first one migrates the template.
    """
    owner = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    try:
        await owner.execute("select pg_advisory_lock($1)", _LOCK)
        known = "select true from pg_database where datname = $1"
        if not await owner.fetchval(known, _TEMPLATE):
            await owner.execute(f"create database {_TEMPLATE}")
            await migrate(server.dsn(SUPERUSER, _TEMPLATE))
        await owner.execute(f"drop database if exists {name} with (force)")
        await owner.execute(f"create database {name} template {_TEMPLATE} strategy wal_log")
    finally:
        await owner.close()


async def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Remove a database."""
    owner = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    try:
        await owner.execute(f"drop database if exists {name} with (force)")
    finally:
        await owner.close()
