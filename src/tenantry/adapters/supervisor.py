"""Keeps the servers that Tenantry brings along running: one that dies is started again."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio.to_thread

from tenantry.adapters.process import EmbeddedServer, is_running
from tenantry.errors import TenantryError

LOOK_SECONDS = 0.5
LONGEST_PAUSE = 30.0

ServerT = TypeVar("ServerT", bound=EmbeddedServer)
logger = logging.getLogger(__name__)


@asynccontextmanager
async def kept_running(server: ServerT) -> AsyncIterator[ServerT]:
    """Start the server, bring it back whenever it dies, stop it in the end."""
    await anyio.to_thread.run_sync(server.start)
    watch = asyncio.create_task(_watch(server))
    try:
        yield server
    finally:
        # First of all: what watches would start again what is to be stopped.
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await anyio.to_thread.run_sync(server.stop)


async def _watch(server: EmbeddedServer) -> None:
    pause = LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        if is_running(server.pid):
            continue
        logger.error("%s has died and is started again", server.program)
        try:
            await anyio.to_thread.run_sync(server.start)
            pause = LOOK_SECONDS
        except TenantryError:
            logger.exception("%s could not be started again", server.program)
            pause = min(2 * pause, LONGEST_PAUSE)
