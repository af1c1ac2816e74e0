"""The pool, and what is done in its connections."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from tenantry.adapters.postgres.pool import ConnectionPool
from tenantry.adapters.postgres.transaction import GIVEN_UP, PostgresTransaction
from tenantry.errors import ConfigurationError, ConnectionError, TransactionConflict
from tenantry.kernel.action import Note, Outcome, Run, current_run
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.settings import Settings

APPLICATION = "tenantry_app"
"""The role that owns nothing, and as which everything but migrations runs."""

PING = Statement("database.ping", "Whether the database answers.", "select true")


class Recorder(Protocol):
    """Writes a run's audit entries inside the transaction that they are about."""

    def record(self, tx: Transaction, run: Run, notes: Sequence[Note]) -> None: ...


async def open_pool(dsn: str, settings: Settings) -> ConnectionPool:
    """A pool with deadlines on the server's side too. Refuses to run without durable commits."""
    pool = ConnectionPool(partial(_connect, dsn, settings), settings.database_pool_max)
    await pool.fill(max(1, settings.database_pool_min))
    connection = await pool.acquire(patience=None)
    early = await connection.fetchval("show synchronous_commit") == "off"
    pool.give_back(connection)
    if early:
        await pool.close()
        raise ConfigurationError("The database acknowledges commits before they are on disk.")
    return pool


async def _connect(dsn: str, settings: Settings) -> asyncpg.Connection:
    milliseconds = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.request_timeout,
    }
    try:
        return await asyncpg.connect(
            dsn,
            statement_cache_size=settings.statement_cache_size,
            timeout=settings.database_connect_timeout,
            command_timeout=settings.statement_timeout + 1,
            target_session_attrs=SessionAttribute.read_write,
            server_settings={
                "application_name": "tenantry",
                "timezone": "UTC",
                **{name: str(int(seconds * 1000)) for name, seconds in milliseconds.items()},
                **({"role": APPLICATION} if _shares_login(settings) else {}),
            },
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise ConnectionError(f"The database cannot be reached: {error}") from error


def _shares_login(settings: Settings) -> bool:
    """Whether the one login named is the owner's, and must put on the application's role."""
    return settings.database_url is not None and settings.migration_database_url is None


class PostgresDatabase:
    """Gives out transactions from the pool, and has each write its audit entry."""

    def __init__(self, pool: ConnectionPool, recorder: Recorder, acquire_timeout: float) -> None:
        self._pool = pool
        self.recorder = recorder
        self._acquire_timeout = acquire_timeout

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        run = current_run()
        async with self._connection() as connection:
            record = None if run is None else partial(self._record, run)
            tx = PostgresTransaction(connection, connection.transaction(), record)
            try:
                yield tx
                notes = tx.notes
                if run is not None and not (notes or run.action.reads or run.recorded):
                    tx.note(Note(target=run.action.target()))
                tx.record_notes()
                await tx.commit()
            except BaseException:
                await tx.roll_back()
                raise
            if run is not None and notes:
                run.recorded = True
                run.outcome = (
                    notes[-1].outcome if run.outcome is not Outcome.FAILED else run.outcome
                )
        for effect in tx.effects:
            await effect()

    def _record(self, run: Run, tx: Transaction, notes: Sequence[Note]) -> None:
        self.recorder.record(tx, run, notes)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[PostgresTransaction]:
        async with self._connection() as connection:
            tx = PostgresTransaction(connection)
            yield tx
            await tx.commit()
        for effect in tx.effects:
            await effect()

    async def is_ready(self) -> bool:
        """Whether the database answers now."""
        try:
            async with self.autocommit() as tx:
                return bool(await tx.fetchval(PING))
        except ConnectionError:
            return False

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._pool.acquire(patience=self._acquire_timeout)
        try:
            yield connection
        except Exception as error:
            self._end(connection, error)
            raise
        except BaseException:
            # A statement may be under way still, and what it answers belongs to nobody.
            self._pool.discard(connection)
            raise
        else:
            self._pool.give_back(connection)

    def _end(self, connection: asyncpg.Connection, error: Exception) -> None:
        """Keep the connection unless the error is its own."""
        lost = isinstance(error, ConnectionError) and not isinstance(error, TransactionConflict)
        if lost and not isinstance(error.__cause__, GIVEN_UP):
            self._pool.discard(connection)
        else:
            self._pool.give_back(connection)
