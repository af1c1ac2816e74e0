"""The embedded Valkey: its life and its accidents, and the connection that asks for it."""

import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkey import Valkey

from tenantry.adapters.process import is_running
from tenantry.adapters.valkey import EmbeddedValkey, ValkeyConnection, available
from tenantry.errors import ConnectionError

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not available(), reason="there is no Valkey wheel for this machine"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as started:
        yield started


def test_it_listens_on_a_closed_unix_socket_only(server: EmbeddedValkey) -> None:
    assert server.url.startswith("unix:///")
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    with Valkey.from_url(server.url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_the_last_holder_stops_it(server: EmbeddedValkey, tmp_path: Path) -> None:
    pid = server.pid
    second = EmbeddedValkey(tmp_path / "valkey")
    second.start()
    assert second.pid == pid
    server.stop()
    with Valkey.from_url(second.url) as client:
        assert client.ping()
    second.stop()
    assert not is_running(pid)


def test_a_killed_server_is_brought_back(server: EmbeddedValkey) -> None:
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    server.start()
    assert server.pid != killed
    with Valkey.from_url(server.url) as client:
        assert client.ping()


def test_a_hanging_server_is_replaced(server: EmbeddedValkey) -> None:
    hanging = server.pid
    os.kill(hanging, signal.SIGSTOP)
    server.start()
    assert server.pid != hanging


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "valkey"
    with EmbeddedValkey(folder) as server, Valkey.from_url(server.url) as client:
        assert folder not in server.socket_folder.parents
        assert client.ping()


async def test_a_ping_is_answered(server: EmbeddedValkey) -> None:
    connection = ValkeyConnection.connect(server.url)
    await connection.ping()
    await connection.close()


async def test_a_silent_server_is_given_up_quickly(server: EmbeddedValkey) -> None:
    connection = ValkeyConnection.connect(server.url)
    await connection.ping()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            await connection.ping()
        assert time.monotonic() - began < 0.5
    finally:
        os.kill(server.pid, signal.SIGCONT)
    await connection.ping()
    await connection.close()


async def test_an_absent_server_is_told_at_once(tmp_path: Path) -> None:
    connection = ValkeyConnection.connect(f"unix://{tmp_path}/absent.sock")
    with pytest.raises(ConnectionError):
        await connection.ping()
    await connection.close()
