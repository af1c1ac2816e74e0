"""A whole installation that clients reach over HTTP, or that they have in their own process."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
import pytest
import uvicorn

from tenantry.app import open_app
from tenantry.config import ConnectionParams
from tenantry.http.server import create_asgi
from tenantry.sdk.address import EMBEDDED
from tenantry.settings import Settings
from tenantry.testing.users import ADMIN_PASSWORD

from .conftest import empty

T = TypeVar("T")

TRANSPORTS = ("http", "embedded")
"""The ways from a client to its installation."""


@dataclass(frozen=True)
class Installation:
    """How a client finds it; the variables of the environment say the same."""

    transport: str
    params: ConnectionParams
    settings: Settings


@contextmanager
def installed(
    transport: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """A fresh installation, as empty as on its first day; its superadmin is ``root``."""
    asyncio.run(_empty(settings))
    place = ("127.0.0.1", 0) if transport == "http" else (EMBEDDED, 8420)
    with contextlib.ExitStack() as stack:
        if transport == "http":
            place = ("127.0.0.1", stack.enter_context(serving(settings)))
        params = ConnectionParams(*place, "root", ADMIN_PASSWORD, "tenantry")
        for name, value in _variables(settings, params).items():
            monkeypatch.setenv(f"TENANTRY_{name}", value)
        yield Installation(transport, params, settings)


@contextmanager
def serving(settings: Settings, port: int = 0) -> Iterator[int]:
    """A server in a thread; its port. It stops in order, and lets go of every connection."""
    listener = socket.create_server(("127.0.0.1", port))
    started: Future[tuple[asyncio.AbstractEventLoop, uvicorn.Server]] = Future()
    thread = threading.Thread(
        target=asyncio.run, args=(_serve(settings, listener, started),), name="installation"
    )
    thread.start()
    try:
        loop, server = started.result(60)
        yield listener.getsockname()[1]
        loop.call_soon_threadsafe(setattr, server, "should_exit", True)
    finally:
        thread.join(30)
        listener.close()


async def _serve(
    settings: Settings,
    listener: socket.socket,
    started: "Future[tuple[asyncio.AbstractEventLoop, uvicorn.Server]]",
) -> None:
    try:
        async with open_app(settings, upkeep=False) as app:
            config = uvicorn.Config(create_asgi(app), log_config=None, lifespan="off")
            server = uvicorn.Server(config)
            started.set_result((asyncio.get_running_loop(), server))
            await server.serve(sockets=[listener])
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise


async def _empty(settings: Settings) -> None:
    owner = await asyncpg.connect(settings.migration_database_url)
    try:
        await empty(owner)
    finally:
        await owner.close()


def _variables(settings: Settings, params: ConnectionParams) -> dict[str, str]:
    told = {
        "HOST": params.host,
        "PORT": str(params.port),
        "USER": params.user,
        "PASSWORD": params.password,
        "DATABASE": params.database,
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "MIGRATION_DATABASE_URL": settings.migration_database_url,
        "VALKEY_URL": settings.valkey_url,
        "ADMIN_PASSWORD": settings.admin_password,
        "HASH_MEMORY_KIB": str(settings.hash_memory_kib),
        "HASH_TIME_COST": str(settings.hash_time_cost),
        "MANAGED_HOSTS": ",".join(str(host) for host in settings.managed_hosts),
    }
    return {name: value for name, value in told.items() if value is not None}
