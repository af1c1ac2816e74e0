"""`kill -9` of all of PostgreSQL while four writers are at work, and fast restarts of it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.process import is_running, wait_until
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import ConnectionError
from tenantry.kernel.action import Origin
from tenantry.testing.users import ADMIN_PASSWORD
from tenantry.users.actions import GetUserAction
from tests.faults import ledger as books
from tests.faults.embedded import Embedded, embedded
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.anyio

ROUNDS = 3
READY_SECONDS = 15.0


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[Embedded]:
    """On durable servers of its own."""
    async with embedded(tmp_path / "data") as made:
        yield made


async def ready_again(system: Embedded) -> float:
    """Wait until the database answers; for how long that was."""
    began = time.monotonic()
    while not await system.app.database.is_ready():
        assert time.monotonic() < began + READY_SECONDS
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_a_killed_database_loses_nothing_and_comes_back_by_itself(system: Embedded) -> None:
    assert await shown(system, "fsync") == "on"
    assert await shown(system, "full_page_writes") == "on"
    ledger = Ledger()
    for _ in range(ROUNDS):
        stop = asyncio.Event()
        writing = asyncio.create_task(
            books.write(
                ledger, system.create, system.describe, stop=stop, expected=(ConnectionError,)
            )
        )
        await asyncio.sleep(0.6)
        system.kill_postgres()
        await asyncio.sleep(0)
        assert not await system.app.database.is_ready()
        await ready_again(system)
        await asyncio.sleep(0.2)
        stop.set()
        await writing
    assert ledger.failed > 0
    assert len(ledger) > 50
    connection = await asyncpg.connect(system.postgres.dsn("tenantry_owner", "postgres"))
    try:
        assert await books.lost(connection, ledger) == []
        assert await books.unaudited(connection) == []
    finally:
        await connection.close()


async def shown(system: Embedded, setting: str) -> str:
    """A setting of the server."""
    connection = await asyncpg.connect(system.postgres.dsn("tenantry_owner", "postgres"))
    try:
        return str(await connection.fetchval(f"show {setting}"))
    finally:
        await connection.close()


async def test_after_a_fast_restart_stale_connections_are_replaced(system: Embedded) -> None:
    async def get() -> bool:
        try:
            await system.app.users.get_user.wait_for_complete(GetUserAction(user="root"))
        except ConnectionError:
            return False
        return True

    size = system.app.settings.database_pool_max
    assert all(await asyncio.gather(*(get() for _ in range(4 * size))))
    pid = system.postgres.pid
    os.kill(pid, signal.SIGINT)
    assert await asyncio.to_thread(wait_until, lambda: not is_running(pid), 10)
    await asyncio.to_thread(system.postgres.start)
    answered = [await get() for _ in range(4 * size)]
    assert answered.count(False) <= size
    assert all(answered[size:])
    assert all(await asyncio.gather(*(get() for _ in range(4 * size))))


async def test_nobody_is_let_in_while_the_database_is_away(system: Embedded) -> None:
    login = AuthenticateAction("root", ADMIN_PASSWORD)
    first = await system.app.auth.authenticate.wait_for_complete(login)
    assert first.session_token is not None
    system.kill_postgres()
    with pytest.raises(ConnectionError):
        await system.app.auth.authenticate.wait_for_complete(login)
    with pytest.raises(ConnectionError):
        await system.app.auth_service.identify(first.session_token, Origin())
    await ready_again(system)
    assert (await system.app.auth.authenticate.wait_for_complete(login)).success
