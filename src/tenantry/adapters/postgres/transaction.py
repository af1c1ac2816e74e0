"""Statements on one connection, with asyncpg behind the kernel's words."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Protocol

import asyncpg

from tenantry.changes.log import NOTE, arguments_of
from tenantry.changes.model import Change
from tenantry.errors import (
    ConfigurationError,
    ConnectionError,
    TenantryError,
    TransactionConflict,
)
from tenantry.kernel.action import Note
from tenantry.kernel.transaction import ConstraintViolation, Row, Statement

GIVEN_UP = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
"""The server gave up a statement, and the connection is as good as before."""

_PLACE = re.compile(r"\$([0-9]+)")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours; the text of a driver's error never goes further."""
    try:
        yield
    except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
        raise TransactionConflict from error
    except asyncpg.IntegrityConstraintViolationError as error:
        if isinstance(error, asyncpg.CheckViolationError) and error.constraint_name is None:
            message = f"The table {error.table_name} has no partition for this moment."
            raise ConfigurationError(message) from error
        name = error.constraint_name or error.column_name or ""
        raise ConstraintViolation(name) from error
    except (*GIVEN_UP, TimeoutError) as error:
        raise ConnectionError("The database took too long; try again shortly.") from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        if isinstance(error, TenantryError):
            raise
        raise ConnectionError from error


class Block(Protocol):
    """What begins and ends a transaction; asyncpg's own, or one with a fence."""

    async def start(self) -> None: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


class PostgresTransaction:
    """One connection, in a transaction if it has one.

    The transaction begins with the first statement that is waited for. Where all are for later,
    they go as a single statement, which commits by itself: one round trip and not six. What was
    noted for the audit goes with the first statement that follows when its entry is made.
    Changes that decide on access are numbered by the last statement; ``version`` is the number.
    """

    def __init__(
        self,
        connection: Any,  # Any: asyncpg's rows are no mappings in the eyes of its types
        transaction: Block | None = None,
        record: "Callable[[PostgresTransaction, Sequence[Note]], None] | None" = None,
    ) -> None:
        self.connection = connection
        self._transaction = transaction
        self._record = record
        self._recorded = 0
        self._entries: list[tuple[Statement, tuple[object, ...]]] = []
        self._begun = False
        self._for_later: list[tuple[Statement, tuple[object, ...]]] = []
        self.changes: list[Change] = []
        self.version: int | None = None
        self.notes: list[Note] = []
        self.effects: list[Callable[[], Awaitable[None]]] = []

    async def execute(self, statement: Statement, *arguments: object) -> int:
        await self._begin()
        with translated():
            sql, arguments = self._with_notes(statement, arguments)
            with_count = await self.connection.execute(sql, *arguments)
        return int(with_count.rpartition(" ")[2]) if with_count[-1].isdigit() else 0

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        await self._begin()
        rows: Sequence[Row]
        with translated():
            if statement.anew:
                # PostgreSQL keeps no plan for a statement without a name.
                once = await self.connection.prepare(statement.sql, name="")
                rows = await once.fetch(*arguments)
            else:
                sql, arguments = self._with_notes(statement, arguments)
                rows = await self.connection.fetch(sql, *arguments)
        return rows

    async def fetchrow(self, statement: Statement, *arguments: object) -> Row | None:
        await self._begin()
        with translated():
            sql, arguments = self._with_notes(statement, arguments)
            row: Row | None = await self.connection.fetchrow(sql, *arguments)
            return row

    async def fetchval(self, statement: Statement, *arguments: object) -> Any:  # Any: of any column
        await self._begin()
        with translated():
            sql, arguments = self._with_notes(statement, arguments)
            return await self.connection.fetchval(sql, *arguments)

    def later(self, statement: Statement, *arguments: object) -> None:
        if statement is NOTE:
            self.changes += (change for change in arguments if isinstance(change, Change))
        else:
            self._for_later.append((statement, arguments))

    def note(self, note: Note) -> None:
        self.notes.append(note)
        # The entry is made while the database is busy with the next statement.
        asyncio.get_running_loop().call_soon(self._record_early)

    def record_notes(self) -> None:
        """Make the entries of what was noted, for the next statement to take along."""
        notes = self.notes[self._recorded :]
        if notes and self._record is not None:
            kept, self._for_later = self._for_later, []
            self._record(self, notes)
            self._recorded = len(self.notes)
            self._entries += self._for_later
            self._for_later = kept

    def after_commit(self, effect: Callable[[], Awaitable[None]]) -> None:
        self.effects.append(effect)

    async def commit(self) -> None:
        """Run what was left for later, and make all of it last."""
        if self.connection.is_closed():
            # Nothing was asked of it, so nothing is unknown: the transaction was undone.
            raise ConnectionError
        if not self._begun:
            with translated(), _unknown():
                await self._run_later()
            return
        with translated():
            await self._run_later()
        self._begun = False
        with translated(), _unknown():
            await self._ending().commit()

    async def roll_back(self) -> None:
        """Undo all of it; a connection that is gone has done so by itself."""
        if self._begun and not self.connection.is_closed():
            with translated():
                await self._ending().rollback()

    def _record_early(self) -> None:
        with suppress(Exception):  # nobody waits here: the commit tries again, and raises
            self.record_notes()

    def _with_notes(
        self, statement: Statement, arguments: tuple[object, ...]
    ) -> tuple[str, tuple[object, ...]]:
        """The statement, together with the audit entries that were noted before it."""
        if not self._entries or statement.sql.lstrip()[:4].lower() == "with":
            return statement.sql, arguments
        sql, merged = together([*self._entries, (statement, arguments)])
        self._entries = []
        return sql, tuple(merged)

    async def _begin(self) -> None:
        if self._transaction is not None and not self._begun:
            with translated():
                await self._transaction.start()
            self._begun = True

    def _ending(self) -> Block:
        if self._transaction is None:
            raise RuntimeError("there is no transaction here")
        return self._transaction

    async def _run_later(self) -> None:
        parts = [*self._entries, *self._for_later]
        self._for_later, self._entries = [], []
        if self.changes:
            sql, arguments = together([*parts, (NOTE, arguments_of(self.changes))])
            self.version = await self.connection.fetchval(sql, *arguments)
        elif parts:
            sql, arguments = together(parts)
            await self.connection.execute(sql, *arguments)


@contextmanager
def _unknown() -> Iterator[None]:
    """Say that nobody knows what became of a commit whose answer did not come."""
    try:
        yield
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        TimeoutError,
    ) as error:
        raise ConnectionError(
            "The database did not answer the commit, so whether the change was made is unknown; "
            "look before you repeat it."
        ) from error


def together(
    parts: Sequence[tuple[Statement, Sequence[object]]],
) -> tuple[str, list[object]]:
    """One statement that does what these do, each to rows that the others leave alone."""
    arguments: list[object] = []
    texts: list[str] = []
    for statement, own in parts:
        texts.append(_moved(statement.sql, len(arguments)))
        arguments.extend(own)
    *first, last = texts
    named = ", ".join(f"part_{i} as ({text})" for i, text in enumerate(first, 1))
    return (f"with {named} {last}" if named else last), arguments


@lru_cache(maxsize=1024)
def _moved(sql: str, by: int) -> str:
    """The same text with its placeholders counted on from those before."""
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", sql) if by else sql
