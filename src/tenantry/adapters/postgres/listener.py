"""A connection that listens for changes. A notification is a hint only: what counts is the log.

It is read on every notification, after every connecting, and every so often in any case, so that
a message that was lost, or a proxy that passes none on, costs time and nothing else.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from tenantry.adapters.postgres.transaction import PostgresTransaction, translated
from tenantry.changes.feed import ChangeFeed
from tenantry.errors import TenantryError

CHANNEL = "tenantry_changes"
POLLS = 4
"""The log is read so many times within the bound, when there is no notification."""
AGAIN_SECONDS = 0.2
"""How long after a failure the next connection is tried."""

logger = logging.getLogger(__name__)


class ChangeListener:
    """Keeps one feed near the log's end, with one connection."""

    def __init__(
        self, *, connect: Callable[[], Awaitable[asyncpg.Connection]], feed: ChangeFeed
    ) -> None:
        self._connect = connect
        self._feed = feed
        self._woken = asyncio.Event()

    async def run_forever(self) -> None:
        """Follow the log; a connection that is lost or too slow is replaced by another one."""
        while True:
            try:
                await self._follow()
            except TenantryError as error:
                logger.warning("changes are not followed now: %s", error)
            except TimeoutError:
                logger.warning("the connection that follows changes has gone silent")
            except Exception:  # nothing may end this loop: answers would stay with the database
                logger.exception("changes are not followed now")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        async with asyncio.timeout(self._feed.bound):
            connection = await self._connect()
        try:
            async with asyncio.timeout(self._feed.bound):
                with translated():
                    await connection.add_listener(CHANNEL, self._heard)
            while True:
                self._woken.clear()
                async with asyncio.timeout(self._feed.bound):
                    await self._feed.catch_up(PostgresTransaction(connection))
                await self._wait(self._feed.bound / POLLS)
        finally:
            self._feed.lose()
            connection.terminate()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    def _heard(self, *_: object) -> None:
        self._woken.set()
