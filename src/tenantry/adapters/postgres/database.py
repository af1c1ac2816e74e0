"""The pool, and what is done in its connections."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from tenantry.adapters.postgres.transaction import GIVEN_UP, PostgresTransaction
from tenantry.errors import ConfigurationError, ConnectionError
from tenantry.kernel.action import Note, Outcome, Run, current_run
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.settings import Settings

logger = logging.getLogger(__name__)

APPLICATION = "tenantry_app"
"""The role that owns nothing, and as which everything but migrations runs."""

PING = Statement("database.ping", "Whether the database answers.", "select true")


class Recorder(Protocol):
    """Writes a run's audit entries inside the transaction that they are about."""

    def record(self, tx: Transaction, run: Run, notes: Sequence[Note]) -> None: ...


class PooledConnection(asyncpg.Connection):
    """A connection that is given back as it is.

    Nothing here leaves session state behind (no LISTEN, SET or session lock on a pooled
    connection), so the reset query, a round trip on every release, has nothing to undo.
    """

    def get_reset_query(self) -> str:
        return ""


async def open_pool(dsn: str, settings: Settings) -> asyncpg.Pool:
    """A pool with deadlines on the server's side too. Refuses to run without durable commits."""
    milliseconds = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.request_timeout,
    }
    try:
        pool: asyncpg.Pool = await asyncpg.create_pool(
            dsn,
            record_class=asyncpg.Record,
            min_size=settings.database_pool_min,
            max_size=settings.database_pool_max,
            connection_class=PooledConnection,
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
    if await pool.fetchval("show synchronous_commit") == "off":
        await pool.close()
        raise ConfigurationError("The database acknowledges commits before they are on disk.")
    return pool


def _shares_login(settings: Settings) -> bool:
    """Whether the one login named is the owner's, and must put on the application's role."""
    return settings.database_url is not None and settings.migration_database_url is None


class PostgresDatabase:
    """Gives out transactions from the pool, and has each write its audit entry."""

    def __init__(self, pool: asyncpg.Pool, recorder: Recorder, acquire_timeout: float) -> None:
        self._pool = pool
        self._recorder = recorder
        self._acquire_timeout = acquire_timeout

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        run = current_run()
        async with self._connection() as connection:
            tx = PostgresTransaction(connection, connection.transaction())
            try:
                yield tx
                notes = tx.notes
                if run is not None and (notes or not run.action.reads):
                    notes = notes or [Note(target=run.action.target())]
                    self._recorder.record(tx, run, notes)
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

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[PostgresTransaction]:
        async with self._connection() as connection:
            tx = PostgresTransaction(connection)
            yield tx
            await tx.commit()

    async def is_ready(self) -> bool:
        """Whether the database answers now."""
        try:
            async with self.autocommit() as tx:
                return bool(await tx.fetchval(PING))
        except ConnectionError:
            return False

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:  # Any: as above
        try:
            connection = await self._pool.acquire(timeout=self._acquire_timeout)
        except TimeoutError as error:
            raise ConnectionError("All database connections are busy.") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise ConnectionError from error
        try:
            yield connection
        except (ConnectionError, asyncio.CancelledError) as error:
            if not isinstance(error.__cause__, GIVEN_UP):
                # Its state is anybody's guess: the pool makes a new one in its place.
                with suppress(asyncpg.InterfaceError):
                    connection.terminate()
            raise
        finally:
            await self._give_back(connection)

    async def _give_back(self, connection: Any) -> None:  # Any: as above
        try:
            await self._pool.release(connection, timeout=self._acquire_timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            logger.warning("a database connection was lost when given back")
