"""A server that does not answer holds nobody for longer than the deadline."""

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tenantry.adapters.databases import connector_to
from tenantry.adapters.databases.mysql_session import Session
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import Plan
from tenantry.databases.ports import DatabaseConnector
from tenantry.errors import ConnectionError
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.faults.proxy import FaultyRelay

pytestmark = pytest.mark.anyio

SECONDS = 1.0
SCOPE = uuid4()
CALLS: dict[str, Callable[[DatabaseConnector], Awaitable[object]]] = {
    "check": lambda c: c.check(),
    "inspect": lambda c: c.inspect(SCOPE),
    "survey": lambda c: c.survey(),
    "terminate": lambda c: c.terminate(["tn_nobody"]),
    "open_login": lambda c: c.open_login(SCOPE, "tn_nobody", "x", datetime.now(UTC)),
    "close_login": lambda c: c.close_login(SCOPE, "tn_nobody"),
}


def through(shop: PostgresShop | MariaShop, relay: FaultyRelay) -> DatabaseConnector:
    kind = DatabaseKind.POSTGRESQL if isinstance(shop, PostgresShop) else DatabaseKind.MARIADB
    user = shop.address.username
    address = Address("127.0.0.1", relay.port, shop.database, user)
    return connector_to(kind, address, None, deadline=SECONDS)


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_swallows_all_is_given_up_in_time(
    shop: PostgresShop | MariaShop, call: str
) -> None:
    is_postgres = isinstance(shop, PostgresShop)
    socket = shop.server.socket_folder / (".s.PGSQL.5432" if is_postgres else "mariadb.sock")
    with FaultyRelay(socket) as relay:
        relay.mode = "swallow"
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            await CALLS[call](through(shop, relay))
        assert time.monotonic() - began < 3 * SECONDS


async def test_the_thread_of_a_given_up_call_comes_back(
    maria_shop: MariaShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, close = threading.Event(), Session.close

    def closed(session: Session) -> None:
        close(session)
        back.set()

    monkeypatch.setattr(Session, "close", closed)
    with FaultyRelay(maria_shop.server.socket) as relay:
        relay.mode = "swallow"
        with pytest.raises(ConnectionError):
            await through(maria_shop, relay).inspect(SCOPE)
        assert await asyncio.to_thread(back.wait, 5)


async def test_a_server_that_is_not_there_is_said_at_once() -> None:
    for kind in (DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB):
        address = Address("127.0.0.1", 1, "shop", "keeper")
        with pytest.raises(ConnectionError):
            await connector_to(kind, address, None, deadline=SECONDS).inspect(SCOPE)


async def test_a_lock_that_another_plan_holds_is_not_waited_for_long(
    shop: PostgresShop | MariaShop,
) -> None:
    kind = DatabaseKind.POSTGRESQL if isinstance(shop, PostgresShop) else DatabaseKind.MARIADB
    hurried = connector_to(kind, shop.address, None, deadline=SECONDS)
    took = shop.lock_statement(SCOPE)
    await shop.run(took)
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        await hurried.apply(SCOPE, Plan())
    assert time.monotonic() - began < 3 * SECONDS


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB])
async def test_a_socket_where_nobody_listens_leaves_nothing_open(
    kind: DatabaseKind, tmp_path: Path
) -> None:
    connector = connector_to(kind, Address(str(tmp_path / "none"), None, "shop", "keeper"), None)
    gc.collect()
    gc.disable()  # what goes only with a cycle of references is open for long
    try:
        before = open_files()
        for _ in range(5):
            with pytest.raises(ConnectionError):
                await connector.check()
        assert open_files() <= before
    finally:
        gc.enable()
