"""SIGTERM: what was begun is finished, and what was acknowledged is there."""

import asyncio
import signal
from collections import Counter

import asyncpg
import httpx2
import pytest

from tests.faults import ledger as books
from tests.faults.conftest import MakeServing
from tests.faults.ledger import Ledger
from tests.faults.serving import Client, Refused

pytestmark = pytest.mark.anyio


async def test_a_server_told_to_stop_finishes_what_it_began(make_serving: MakeServing) -> None:
    serving, ledger, health = make_serving(), Ledger(), Counter[int]()
    await serving.start()
    assert serving.process is not None
    async with httpx2.AsyncClient(base_url=serving.url, trust_env=False, timeout=20) as http:
        client = Client(http)
        await client.log_in()
        stop = asyncio.Event()
        expected = (httpx2.ConnectError, Refused)
        writing = asyncio.create_task(
            books.write(ledger, client.create, client.describe, stop=stop, expected=expected)
        )
        await asyncio.sleep(0.4)
        serving.process.send_signal(signal.SIGTERM)
        for _ in range(10):
            await asyncio.sleep(0.05)
            health[(await http.get("/health/ready")).status_code] += 1
        assert health[503] >= 9
        assert ledger.failed == 0
        stop.set()
        # Nothing that was begun may end in a reset: that would be no ConnectError.
        await writing
    assert await asyncio.to_thread(serving.process.wait, 20) == 0
    with serving.postgres as server:
        connection = await asyncpg.connect(server.dsn("tenantry_owner", "postgres"))
        try:
            assert await books.lost(connection, ledger) == []
            assert await books.unaudited(connection) == []
        finally:
            await connection.close()
