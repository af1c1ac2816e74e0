"""The pool, and what is done in its connections."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol
from uuid import UUID

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from tenantry.adapters.postgres.fence import MEMBER, Fence, FencedStatements, FencedTransaction
from tenantry.adapters.postgres.pool import ConnectionPool
from tenantry.adapters.postgres.transaction import GIVEN_UP, PostgresTransaction
from tenantry.changes.ports import Follower
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
    pool = await _filled(dsn, settings, APPLICATION if _shares_login(settings) else None)
    if await _asked(pool, "show synchronous_commit") == "off":
        await pool.close()
        raise ConfigurationError("The database acknowledges commits before they are on disk.")
    return pool


async def open_fence(dsn: str, settings: Settings, tenant: Callable[[], UUID | None]) -> Fence:
    """Connections for what is done for the tenant that the function names."""
    pool = await _filled(dsn, settings, MEMBER)
    return Fence(pool, await _asked(pool, "select current_user") == MEMBER, tenant)


def connector(dsn: str, settings: Settings) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """Makes connections beside the pool, for who keeps one of its own."""
    role = APPLICATION if _shares_login(settings) else None
    return partial(_connect, dsn, settings, role)


async def _filled(dsn: str, settings: Settings, role: str | None) -> ConnectionPool:
    pool = ConnectionPool(partial(_connect, dsn, settings, role), settings.database_pool_max)
    await pool.fill(max(1, settings.database_pool_min))
    return pool


async def _asked(pool: ConnectionPool, sql: str) -> object:
    connection = await pool.acquire(patience=None)
    answer: object = await connection.fetchval(sql)
    pool.give_back(connection)
    return answer


async def _connect(dsn: str, settings: Settings, role: str | None) -> asyncpg.Connection:
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
                **({"role": role} if role is not None else {}),
            },
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise ConnectionError(f"The database cannot be reached: {error}") from error


def _shares_login(settings: Settings) -> bool:
    """Whether the one login named is the owner's, and must put on the application's role."""
    return settings.database_url is not None and settings.migration_database_url is None


class PostgresDatabase:
    """Gives out transactions from the pool, and has each write its audit entry.

    With a fence, what is done for one tenant goes to the fence's connections.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        recorder: Recorder,
        acquire_timeout: float,
        fence: Fence | None = None,
    ) -> None:
        self._pool = pool
        self.recorder = recorder
        self._fence = fence
        self._acquire_timeout = acquire_timeout
        self._followers: list[Follower] = []

    def tell(self, follower: Follower) -> None:
        """Tell of changes that decide on access, once they are committed here."""
        self._followers.append(follower)

    @property
    def unfenced(self) -> "PostgresDatabase":
        """The same database, for reading what decides on access, whoever asks."""
        return PostgresDatabase(self._pool, self.recorder, self._acquire_timeout)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        run = current_run()
        fence = self._fence
        async with self._connection() as (connection, tenant_id):
            record = None if run is None else partial(self._record, run)
            if fence is None or tenant_id is None:
                tx = PostgresTransaction(connection, connection.transaction(), record)
            else:
                tx = FencedTransaction(connection, fence.block(connection, tenant_id), record)
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
        await self._committed(tx)

    def _record(self, run: Run, tx: Transaction, notes: Sequence[Note]) -> None:
        self.recorder.record(tx, run, notes)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[PostgresTransaction]:
        async with self._connection() as (connection, tenant_id):
            if self._fence is None or tenant_id is None:
                tx = PostgresTransaction(connection)
            else:
                tx = FencedStatements(connection, tenant_id, self._fence)
            yield tx
            await tx.commit()
        await self._committed(tx)

    async def _committed(self, tx: PostgresTransaction) -> None:
        if tx.version is not None:
            for follower in self._followers:
                await follower.follow(tx.version, tx.changes)
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
    async def _connection(self) -> AsyncIterator[tuple[asyncpg.Connection, UUID | None]]:
        """A connection, and the tenant whose rows alone are there on it (None: all)."""
        pool, tenant_id = self._pool, None
        if self._fence is not None and (tenant_id := self._fence.tenant()) is not None:
            pool = self._fence.pool
        connection = await pool.acquire(patience=self._acquire_timeout)
        try:
            yield connection, tenant_id
        except Exception as error:
            _end(pool, connection, error)
            raise
        except BaseException:
            # A statement may be under way still, and what it answers belongs to nobody.
            pool.discard(connection)
            raise
        else:
            pool.give_back(connection)


def _end(pool: ConnectionPool, connection: asyncpg.Connection, error: Exception) -> None:
    """Keep the connection unless the error is its own."""
    lost = isinstance(error, ConnectionError) and not isinstance(error, TransactionConflict)
    if lost and not isinstance(error.__cause__, GIVEN_UP):
        pool.discard(connection)
    else:
        pool.give_back(connection)
