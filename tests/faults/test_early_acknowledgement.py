"""A database that acknowledges commits before they are on disk: what it loses, and that we refuse.

This is the naive build of the tests that kill PostgreSQL: where commits do not wait for the disk,
the same kill does lose writes.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.process import processes_in
from tenantry.app import open_app
from tenantry.errors import ConfigurationError
from tests.faults.embedded import settings_in

pytestmark = pytest.mark.anyio

ROUNDS = 10
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@pytest.fixture
def early(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that does not wait for its disk."""
    server = EmbeddedPostgres(tmp_path / "early", settings={"synchronous_commit": "off"})
    with server:
        yield server


async def test_such_a_database_is_refused(early: EmbeddedPostgres, tmp_path: Path) -> None:
    address = early.dsn("tenantry_owner", "postgres")
    settings = replace(settings_in(tmp_path / "data"), database_url=address)
    with pytest.raises(ConfigurationError, match="before they are on disk"):
        async with open_app(settings, upkeep=False):
            pass


async def test_a_kill_loses_writes_that_it_acknowledged(early: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(early.dsn("tenantry_owner", "postgres"))
    await connection.execute("create table written (number bigint primary key)")
    await connection.execute("checkpoint")
    number = 0
    for _ in range(ROUNDS):
        number = await written_until_killed(connection, early, number)
        await asyncio.to_thread(early.start)
        connection = await asyncpg.connect(early.dsn("tenantry_owner", "postgres"))
        stored = await connection.fetchval("select coalesce(max(number), 0) from written")
        if stored < number:
            await connection.close()
            return
    raise AssertionError(f"{ROUNDS} kills lost nothing: the tests of durable commits prove little")


async def written_until_killed(
    connection: asyncpg.Connection, server: EmbeddedPostgres, number: int
) -> int:
    """Write one number after the other until the server is killed; the last one acknowledged."""
    asyncio.get_running_loop().call_later(0.25, kill, server)
    while True:
        try:
            await connection.execute("insert into written values ($1)", number + 1)
        except LOST:
            return number
        number += 1


def kill(server: EmbeddedPostgres) -> None:
    """End every process of the server at once."""
    for pid in processes_in(server.cluster, "postgres"):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
