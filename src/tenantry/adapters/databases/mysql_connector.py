"""A managed database on MariaDB or MySQL, through PyMySQL in a thread.

Each method has a connection of its own and one deadline for all it does. When it has passed, the
connection's socket is shut, at which the thread comes back from whatever it waits for.
"""

import asyncio
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pymysql
from pymysql.cursors import DictCursor

from tenantry.adapters.databases.mysql_dialect import MysqlDialect
from tenantry.adapters.databases.mysql_inspection import Row, inspect
from tenantry.adapters.databases.quoting import mysql_grantee
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import FoundState, Plan, Step
from tenantry.databases.names import is_generated, require_ascii
from tenantry.databases.ports import Dialect, Progress, ServerCheck
from tenantry.errors import ConnectionError, PermissionError, StateConflict
from tenantry.jobs.failpoints import failpoint

T = TypeVar("T")
STEPS_AT_ONCE = 50
"""How many statements the thread runs before it tells how far it is."""
NO_SUCH_THREAD = 1094
DENIED = frozenset({1044, 1045, 1142, 1227, 1370, 1410, 1698, 1873})
GONE = frozenset({1053, 1152, 1159, 1161, 1184, 1203, 1205, 1213, 2002, 2003, 2006, 2013})
_TAKEN = "there is no {} there that is ours"


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


class MysqlConnector:
    """One managed database on a server of MariaDB or MySQL."""

    def __init__(
        self,
        kind: DatabaseKind,
        address: Address,
        password: str | None,
        *,
        deadline: float = 30.0,
        apply_deadline: float = 600.0,
    ) -> None:
        self._kind = kind
        self._address = address
        self._password = password
        self._deadline = deadline
        self._apply_deadline = apply_deadline

    @property
    def dialect(self) -> Dialect:
        return MysqlDialect(self._kind)

    async def check(self) -> ServerCheck:
        return await self._run(partial(_check, self._kind))

    async def inspect(self, scope: UUID, adopted: Sequence[str] = ()) -> FoundState:
        return await self._run(lambda s: inspect(s.ask, self._kind, scope, adopted))

    async def survey(self) -> FoundState:
        return await self._run(
            lambda s: inspect(s.ask, self._kind, UUID(int=0), (), everybody=True)
        )

    async def apply(self, scope: UUID, plan: Plan, progress: Progress | None = None) -> None:
        loop = asyncio.get_running_loop()

        def done(steps: Sequence[Step]) -> None:
            async def tell() -> None:
                for step in steps:
                    if progress is not None:
                        await progress(step)

            asyncio.run_coroutine_threadsafe(tell(), loop).result(self._deadline)

        work = partial(_apply, scope=scope, plan=plan, patience=self._deadline, done=done)
        await self._run(work, self._apply_deadline)

    async def terminate(self, names: Sequence[str]) -> int:
        return await self._run(lambda s: _end(s, names, self._deadline))

    async def open_login(
        self, scope: UUID, name: str, password: str, valid_until: datetime
    ) -> None:
        statement = f"ALTER USER {mysql_grantee(name)} {self._identified(password)} ACCOUNT UNLOCK"

        def run(session: Session) -> None:
            _require_ours(session, name)
            session.ask(statement)

        await self._run(run)

    async def close_login(self, scope: UUID, name: str) -> int:
        def run(session: Session) -> int:
            _require_ours(session, name)
            session.ask(self.dialect.lock(name))
            return _end(session, [name], self._deadline)

        return await self._run(run)

    def _identified(self, password: str) -> str:
        """The password in the form in which the server keeps it, so that no statement holds it."""
        inner = hashlib.sha1(require_ascii(password)).digest()  # noqa: S324 - the server's form
        stored = "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324 - as above
        if self._kind is DatabaseKind.MYSQL:
            return f"IDENTIFIED WITH mysql_native_password AS '{stored}'"
        return f"IDENTIFIED VIA mysql_native_password USING '{stored}'"

    async def _run(self, work: Callable[[Session], T], deadline: float | None = None) -> T:
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
            options |= {"host": address.host, "port": address.port or 3306}
        if address.tls:
            options |= {"ssl": {"check_hostname": True}, "ssl_verify_cert": True}
            options["ssl_verify_identity"] = True
        return pymysql.connect(
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
            **options,
        )


def _check(kind: DatabaseKind, session: Session) -> ServerCheck:
    [row] = session.ask("select version() as version, current_user() as executor")
    name, _, host = row["executor"].rpartition("@")
    grantee = f"'{name}'@'{host}'"
    held = session.ask(
        "select privilege_type as word, is_grantable = 'YES' as passes"
        " from information_schema.user_privileges where grantee = %s",
        grantee,
    )
    words = {one["word"] for one in held}
    lacks = [text for word, text in _LACKS.items() if not words & set(word.split("|"))]
    if not any(one["passes"] for one in held):
        lacks.append("cannot pass its rights on: give it WITH GRANT OPTION")
    if session.ask("select 1 from mysql.user where User = ''"):
        lacks.append("is beside an account without a name, which is found before many of ours")
    proven = kind is DatabaseKind.MARIADB
    return ServerCheck(f"{kind} {row['version']}", row["executor"], tuple(lacks), proven)


def _apply(
    session: Session,
    scope: UUID,
    plan: Plan,
    patience: float,
    done: Callable[[Sequence[Step]], None],
) -> None:
    [row] = session.ask("select get_lock(%s, %s) as got", lock_of(scope), patience)
    if not row["got"]:
        raise ConnectionError("Another plan is being applied.")
    there = {row["User"] for row in session.ask("select User from mysql.user")}
    steps = [
        step
        for step in plan.steps
        if step.creates not in there and (step.drops is None or step.drops in there)
    ]
    for number in range(0, len(steps), STEPS_AT_ONCE):
        batch = steps[number : number + STEPS_AT_ONCE]
        for step in batch:
            session.ask(step.statement)
            failpoint("databases.apply.step")
        _end(session, sorted({name for step in batch for name in step.ends}), patience)
        done(batch)


def lock_of(scope: UUID) -> str:
    """The name of the lock under which the plans of a scope run."""
    return "tenantry_" + hashlib.blake2s(scope.bytes, digest_size=8).hexdigest()


def _end(session: Session, names: Sequence[str], patience: float) -> int:
    """End all connections of these; how many there were."""
    users = [name.rpartition("@")[0] or name for name in names]
    ended: set[int] = set()
    limit = time.monotonic() + patience
    while users:
        places = ", ".join(["%s"] * len(users))
        rows = session.ask(
            f"select id from information_schema.processlist where user in ({places})"
            " and id <> connection_id()",
            *users,
        )
        if not rows:
            break
        if time.monotonic() > limit:
            raise ConnectionError("Connections do not end.")
        for row in rows:
            ended.add(row["id"])
            try:
                session.ask(f"KILL CONNECTION {int(row['id'])}")
            except pymysql.MySQLError as error:
                if error.args[0] != NO_SUCH_THREAD:
                    raise
        time.sleep(0.01)
    return len(ended)


def _require_ours(session: Session, name: str) -> None:
    known = session.ask("select 1 from mysql.user where User = %s and Host = '%%'", name)
    if not known or not is_generated(name):
        raise StateConflict(_TAKEN.format(name))


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


_LACKS = {
    "CREATE USER|CREATE_USER": "cannot make users and roles: give it CREATE USER",
    "SUPER|CONNECTION ADMIN|CONNECTION_ADMIN": "cannot end the connections of others: give it"
    " CONNECTION ADMIN",
    "PROCESS": "cannot see the connections of others: give it PROCESS",
    "SELECT": "cannot read the tables of grants: give it SELECT on mysql.*",
}
