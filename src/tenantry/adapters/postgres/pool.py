"""Connections to PostgreSQL that are lent out and given back.

asyncpg's own pool does more than is needed here, and that took longer than a short statement: no
connection is left with a LISTEN, a SET or a lock of its session, so none must be reset
(docs/decisions/0045).
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from tenantry.errors import ConnectionError

LIFETIME_SECONDS = 1800.0
"""A connection is replaced after this, since a server's process for it grows with time."""


class ConnectionPool:
    """At most so many connections; who finds none waits in a queue, and not for long."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], most: int) -> None:
        self._connect = connect
        self._most = most
        self._places = asyncio.Semaphore(most)
        self._idle: list[asyncpg.Connection] = []
        self._opened: dict[asyncpg.Connection, float] = {}
        self._closed = False

    async def fill(self, least: int) -> None:
        """Open that many connections beforehand."""
        lent: list[asyncpg.Connection] = []
        try:
            while len(lent) < min(least, self._most):
                lent.append(await self.acquire(patience=None))
        finally:
            for connection in lent:
                self.give_back(connection)

    async def acquire(self, *, patience: float | None) -> asyncpg.Connection:
        """A connection that works as far as is known; ConnectionError after that many seconds."""
        if self._places.locked():
            try:
                async with asyncio.timeout(patience):
                    await self._places.acquire()
            except TimeoutError as error:
                raise ConnectionError("All database connections are busy.") from error
        else:
            await self._places.acquire()
        try:
            return self._rested() or await self._opened_now()
        except BaseException:
            self._places.release()
            raise

    def give_back(self, connection: asyncpg.Connection) -> None:
        """Lend it to the next one; the last to come back is the first to go."""
        age = asyncio.get_running_loop().time() - self._opened.get(connection, 0.0)
        spent = connection.is_closed() or connection.is_in_transaction() or age > LIFETIME_SECONDS
        if spent or self._closed:
            self._forget(connection)
        else:
            self._idle.append(connection)
        self._places.release()

    def discard(self, connection: asyncpg.Connection) -> None:
        """Break it off: nobody knows its state. Another one is made in its place when needed."""
        self._forget(connection)
        self._places.release()

    async def close(self) -> None:
        """Lend no more, wait until all are back, and close them."""
        self._closed = True
        for _ in range(self._most):
            await self._places.acquire()
        for connection in list(self._opened):
            await connection.close()

    def terminate(self) -> None:
        """Lend no more, and break all of them off."""
        self._closed = True
        for connection in list(self._opened):
            self._forget(connection)

    def _rested(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._forget(connection)
        return None

    async def _opened_now(self) -> asyncpg.Connection:
        if self._closed:
            raise ConnectionError
        connection = await self._connect()
        self._opened[connection] = asyncio.get_running_loop().time()
        return connection

    def _forget(self, connection: asyncpg.Connection) -> None:
        self._opened.pop(connection, None)
        connection.terminate()
