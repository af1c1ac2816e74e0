"""One connection in a thread, through PyMySQL, with one deadline for all that is done in it.

When the deadline has passed the connection's socket is shut, at which the thread comes back from
whatever it waits for.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import DictCursor

from tenantry.adapters.databases.encryption import context_for
from tenantry.adapters.databases.mysql_inspection import Row
from tenantry.databases.address import Address
from tenantry.errors import ConnectionError, PermissionError, StateConflict

T = TypeVar("T")
DENIED = frozenset({1044, 1045, 1142, 1227, 1370, 1410, 1698, 1873})
GONE = frozenset({1053, 1152, 1159, 1161, 1184, 1203, 1205, 1213, *range(2000, 3000)})
"""Among them all that the driver says by itself: no line, or none that is encrypted."""


class Session:
    """One connection, used by one thread; ``abandon`` may be called from another."""

    def __init__(self, connect: Callable[[], "pymysql.Connection[DictCursor]"]) -> None:
        self._connect = connect
        self._connection: pymysql.Connection[DictCursor] | None = None
        self._abandoned = threading.Event()

    def open(self) -> None:
        """Connect; a session that was abandoned meanwhile is closed again."""
        self._connection = self._connect()
        if self._abandoned.is_set():
            self.close()

    def ask(self, sql: str, *values: object) -> list[Row]:
        """The rows of one statement."""
        if self._connection is None or self._abandoned.is_set():
            raise ConnectionError("The server has not answered in time.")
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def close(self) -> None:
        """Say goodbye, as far as the server still listens."""
        if self._connection is not None and self._connection.open:
            with contextlib.suppress(pymysql.Error, OSError):
                self._connection.close()

    def abandon(self) -> None:
        """Shut the socket, so that whoever waits for it wakes up."""
        self._abandoned.set()
        line = getattr(self._connection, "_sock", None)
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class Sessions:
    """Runs work in sessions on one server."""

    def __init__(self, address: Address, password: str | None, port: int, deadline: float) -> None:
        self._address = address
        self._password = password
        self._port = port
        self._deadline = deadline

    async def run(self, work: Callable[[Session], T], deadline: float | None = None) -> T:
        """Do the work in a thread, and let go of it when its time is over."""
        session = Session(self._connect)

        def whole() -> T:
            try:
                session.open()
                return work(session)
            finally:
                session.close()

        with translated():
            task = asyncio.ensure_future(asyncio.to_thread(whole))
            try:
                async with asyncio.timeout(deadline or self._deadline):
                    return await asyncio.shield(task)
            except (TimeoutError, asyncio.CancelledError):
                session.abandon()
                task.add_done_callback(_forget)
                raise

    def _connect(self) -> "pymysql.Connection[DictCursor]":
        address, options = self._address, dict[str, Any]()  # Any: options of several types
        if address.is_socket:
            options["unix_socket"] = address.host
        else:
            options |= {"host": address.host, "port": address.port or self._port}
        if address.tls:
            options["ssl"] = context_for(address.server_name or address.host)
        connection = pymysql.connect(
            user=address.username,
            password=self._password or "",
            database=address.database,
            charset="utf8mb4",
            autocommit=True,
            cursorclass=DictCursor,
            connect_timeout=max(1, int(self._deadline)),
            read_timeout=self._deadline,
            write_timeout=self._deadline,
            program_name="tenantry",
            defer_connect=True,
            **options,
        )
        if address.is_socket:
            # The driver leaves the socket open where nobody listens there.
            line = _line_to(address.host, self._deadline)
            # As it says of its own sockets.
            connection._secure = True  # type: ignore[attr-defined]  # noqa: SLF001
            connection.connect(line)
        else:
            connection.connect()
        return connection


def _line_to(path: str, deadline: float) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.settimeout(deadline)
        line.connect(path)
    except OSError:
        line.close()
        raise
    return line


def _forget(task: "asyncio.Future[Any]") -> None:  # Any: whatever the work would have returned
    """Take note of how abandoned work has ended, which nobody waits for any more."""
    if not task.cancelled():
        task.exception()


@contextmanager
def translated() -> Iterator[None]:
    """The driver's errors as ours; no statement of a plan holds a secret, and no other is told."""
    try:
        yield
    except TimeoutError as error:
        raise ConnectionError("The server has not answered in time.") from error
    except pymysql.MySQLError as error:
        code = error.args[0] if error.args else 0
        if code in DENIED:
            raise PermissionError(f"the executor may not do this: {error.args[-1]}") from error
        if code in GONE or isinstance(error, pymysql.InterfaceError):
            raise ConnectionError("The server cannot be reached now, or is too busy.") from error
        raise StateConflict(f"the server refuses a step: {error.args[-1]}") from error
    except OSError as error:
        if isinstance(error, ConnectionError | PermissionError):
            raise
        raise ConnectionError("The server cannot be reached now.") from error
