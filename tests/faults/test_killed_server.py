"""`kill -9` of the server while four writers are at work."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.faults import ledger as books
from tests.faults.conftest import MakeServing
from tests.faults.ledger import Ledger
from tests.faults.serving import Client, Refused, Serving

pytestmark = pytest.mark.anyio

ROUNDS = 3
NAIVE_ROUNDS = 12
NAIVE = (sys.executable, str(Path(__file__).with_name("naive_server.py")))
SECONDS = 0.6


async def killed_while_written(serving: Serving, ledger: Ledger, after: float) -> None:
    """Start it, let the writers write, kill it."""
    await serving.start()
    limits = httpx2.Limits(max_connections=books.WRITERS)
    async with httpx2.AsyncClient(
        base_url=serving.url, trust_env=False, timeout=5, limits=limits
    ) as http:
        client = Client(http)
        await client.log_in()
        stop = asyncio.Event()
        writing = asyncio.create_task(
            books.write(
                ledger,
                client.create,
                client.describe,
                stop=stop,
                expected=(httpx2.TransportError, Refused),
            )
        )
        await asyncio.sleep(after)
        serving.kill()
        stop.set()
        await writing


async def found(serving: Serving, ledger: Ledger) -> tuple[list[str], list[str]]:
    """What is lost and what is unaudited in the database of a dead server."""
    with serving.postgres as server:
        connection = await asyncpg.connect(server.dsn("tenantry_owner", "postgres"))
        try:
            return await books.lost(connection, ledger), await books.unaudited(connection)
        finally:
            await connection.close()


async def test_a_killed_server_loses_nothing_that_it_acknowledged(
    make_serving: MakeServing,
) -> None:
    serving, ledger = make_serving(), Ledger()
    for number in range(ROUNDS):
        await killed_while_written(serving, ledger, after=SECONDS + 0.07 * number)
    assert len(ledger) > 50
    assert await serving.start() < 10
    lost, unaudited = await found(serving, ledger)
    assert lost == []
    assert unaudited == []


async def test_an_entry_written_after_the_commit_is_missing_after_a_kill(
    make_serving: MakeServing,
) -> None:
    serving, ledger = make_serving(NAIVE), Ledger()
    for number in range(NAIVE_ROUNDS):
        await killed_while_written(serving, ledger, after=0.2 + 0.013 * number)
        lost, unaudited = await found(serving, ledger)
        assert lost == []
        if unaudited:
            return
    raise AssertionError(f"{NAIVE_ROUNDS} kills never met the gap: the test proves nothing")
