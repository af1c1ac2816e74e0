"""A managed database on PostgreSQL, through asyncpg.

Each method has a connection of its own and one deadline for all it does; a connection whose
deadline has passed is broken off, not waited for.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from tenantry.adapters.databases.encryption import context_for
from tenantry.adapters.databases.postgresql_dialect import PostgresDialect
from tenantry.adapters.databases.postgresql_inspection import ROLES, inspect
from tenantry.adapters.databases.quoting import postgresql_principal, postgresql_text
from tenantry.adapters.databases.scram import scram_verifier
from tenantry.databases.address import Address
from tenantry.databases.model import FoundState, Plan, Step
from tenantry.databases.names import is_generated, marker, not_made
from tenantry.databases.ports import Dialect, Progress, ServerCheck
from tenantry.errors import ConnectionError, PermissionError, StateConflict
from tenantry.jobs.failpoints import failpoint

STEPS_AT_ONCE = 100
"""How many statements one transaction has: a crash undoes no more than these."""
TRIES = 4
_TAKEN = "{} is on the server and has not our mark; adopt it or remove it"
_BUSY = (
    asyncpg.InternalServerError,  # "tuple concurrently updated": two grants on one object met
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)


class PostgresConnector:
    """One managed database on a server of PostgreSQL."""

    def __init__(
        self,
        address: Address,
        password: str | None,
        *,
        deadline: float = 30.0,
        apply_deadline: float = 600.0,
    ) -> None:
        self._address = address
        self._password = password
        self._deadline = deadline
        self._apply_deadline = apply_deadline

    @property
    def dialect(self) -> Dialect:
        return PostgresDialect()

    async def check(self) -> ServerCheck:
        async with self._connection() as connection:
            [row] = await connection.fetch(_CHECK)
        lacks = [sentence for name, sentence in _LACKS.items() if not row[name]]
        strangers = row["strangers"]
        if strangers:
            lacks.append(f"cannot set default privileges for {', '.join(strangers)}")
        return ServerCheck(f"PostgreSQL {row['version']}", row["executor"], tuple(lacks))

    async def inspect(self, scope: UUID, adopted: Sequence[str] = ()) -> FoundState:
        async with self._connection() as connection:
            return await inspect(connection, scope, adopted)

    async def survey(self) -> FoundState:
        async with self._connection() as connection:
            return await inspect(connection, UUID(int=0), everybody=True)

    async def apply(
        self, scope: UUID, plan: Plan, progress: Progress | None = None
    ) -> Mapping[str, int]:
        async with self._connection(self._apply_deadline) as connection:
            await connection.execute("select pg_advisory_lock($1)", lock_of(scope))
            steps = await self._open_steps(connection, scope, plan)
            ended = await _end(connection, plan.ends)
            for batch in _batches(steps):
                await _retried(connection, batch)
                names = sorted({name for step in batch for name in step.ends})
                ended += await _end(connection, names)
                for step in batch:
                    if progress is not None:
                        await progress(step)
        return ended

    async def _open_steps(
        self, connection: asyncpg.Connection, scope: UUID, plan: Plan
    ) -> list[Step]:
        """The steps without principals that an earlier run has made or dropped already."""
        rows = await connection.fetch(_MARKS, [s.creates or s.drops or "" for s in plan.steps])
        marks = {row["rolname"]: row["mark"] for row in rows}
        named = {step.creates or step.drops for step in plan.steps} & marks.keys()
        for name in sorted(name for name in named if name):
            if marks[name] != marker(scope):
                raise StateConflict(_TAKEN.format(name))
        return [
            step
            for step in plan.steps
            if step.creates not in marks and (step.drops is None or step.drops in marks)
        ]

    async def terminate(self, names: Sequence[str]) -> int:
        async with self._connection() as connection:
            return (await _end(connection, names)).total()

    async def open_login(
        self, scope: UUID, name: str, password: str, valid_until: datetime
    ) -> None:
        verifier = postgresql_text(scram_verifier(password))
        until = postgresql_text(valid_until.astimezone(UTC).isoformat())
        statement = f"LOGIN PASSWORD {verifier} VALID UNTIL {until}"
        async with self._connection() as connection:
            if not await self._is_ours(connection, scope, name):
                raise StateConflict(f"there is no {name} there")
            await connection.execute(f"ALTER ROLE {postgresql_principal(name)} {statement}")

    async def close_login(self, scope: UUID, name: str) -> int:
        async with self._connection() as connection:
            if not await self._is_ours(connection, scope, name):
                return 0
            await connection.execute(self.dialect.lock(name))
            return (await _end(connection, [name])).total()

    async def _is_ours(self, connection: asyncpg.Connection, scope: UUID, name: str) -> bool:
        """Whether we have made it; False where it is not there, StateConflict for any other."""
        rows = await connection.fetch(_MARKS, [name])
        if rows and (rows[0]["mark"] != marker(scope) or not is_generated(name, scope)):
            raise not_made(name)
        return bool(rows)

    @asynccontextmanager
    async def _connection(self, deadline: float | None = None) -> AsyncIterator[asyncpg.Connection]:
        connection: asyncpg.Connection | None = None
        with _translated():
            try:
                async with asyncio.timeout(deadline or self._deadline):
                    connection = await self._connect()
                    yield connection
                    await connection.close()
            finally:
                if connection is not None and not connection.is_closed():
                    connection.terminate()

    async def _connect(self) -> asyncpg.Connection:
        try:
            return await self._connected()
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise ConnectionError("The database takes no connections now.") from error

    async def _connected(self) -> asyncpg.Connection:
        address = self._address
        limit = str(int(self._deadline * 1000))
        return await asyncpg.connect(
            host=address.host,
            port=address.port or 5432,
            user=address.username,
            database=address.database,
            password=self._password,
            ssl=context_for(address.server_name or address.host) if address.tls else "prefer",
            timeout=self._deadline,
            statement_cache_size=0,
            server_settings={
                "application_name": "tenantry",
                # So that the server writes every name in full, and no function of others is run.
                "search_path": "",
                "statement_timeout": limit,
                "lock_timeout": limit,
                "idle_in_transaction_session_timeout": limit,
            },
        )


async def _retried(connection: asyncpg.Connection, steps: Sequence[Step]) -> None:
    """Do these in one transaction; again where another session was at the same objects."""
    for attempt in range(TRIES):
        try:
            async with connection.transaction():
                for step in steps:
                    await connection.execute(step.statement)
                    failpoint("databases.apply.step")
            failpoint("databases.apply.batch")
        except _BUSY:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(0.05 * 2**attempt)
        else:
            return


def _batches(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """What one transaction does. Locks are done before a principal is dropped in another one: a
    connection that outlives its principal is nobody's, and would not be found.
    """
    locks = [step for step in steps if step.locks is not None]
    others = [step for step in steps if step.locks is None]
    for some in (locks, others):
        for number in range(0, len(some), STEPS_AT_ONCE):
            yield some[number : number + STEPS_AT_ONCE]


async def _end(connection: asyncpg.Connection, names: Sequence[str]) -> Counter[str]:
    """End all connections of these; the deadline of the whole is the limit for waiting."""
    ended: dict[int, str] = {}
    while names:
        rows = await connection.fetch(_TERMINATE, list(names))
        ended |= {row["pid"]: row["usename"] for row in rows}
        if not rows:
            break
        await asyncio.sleep(0.01)
    return Counter(ended.values())


def lock_of(scope: UUID) -> int:
    """The number of the lock under which the plans of a scope run."""
    digest = hashlib.blake2s(scope.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as ours; no statement of a plan holds a secret, and no other is told."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise PermissionError(f"the executor may not do this: {error}") from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as e:
        raise PermissionError(f"the server refuses the executor: {e}") from e
    except UnicodeDecodeError as error:
        raise StateConflict("a name in the database is no text in UTF-8") from error
    except (TimeoutError, asyncpg.QueryCanceledError) as error:
        raise ConnectionError("The server has not answered in time.") from error
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        *_BUSY,
    ) as error:
        if isinstance(error, ConnectionError | PermissionError):
            raise
        raise ConnectionError("The server cannot be reached now, or is too busy.") from error
    except asyncpg.PostgresError as error:
        raise StateConflict(f"the server refuses a step: {error}") from error


_MARKS = """
    select rolname, shobj_description(oid, 'pg_authid') as mark from pg_roles
    where rolname = any($1)
"""
_TERMINATE = """
    select pid, usename, pg_terminate_backend(pid) from pg_stat_activity
    where usename = any($1) and pid <> pg_backend_pid()
"""
_CHECK = f"""
    with {ROLES}
    select current_setting('server_version') as version, current_user as executor,
        r.rolsuper or r.rolcreaterole as may_create,
        r.rolsuper or pg_has_role(r.oid, d.datdba, 'USAGE') as may_grant,
        r.rolsuper or r.rolcreaterole or pg_has_role(r.oid, 'pg_signal_backend', 'MEMBER')
            as may_end,
        (select coalesce(array_agg(distinct o.called), '{{}}') from pg_class c
            join roles o on o.oid = c.relowner join pg_namespace n on n.oid = c.relnamespace
            where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                and not pg_has_role(r.oid, o.oid, 'USAGE')) as strangers
    from pg_roles r, pg_database d
    where r.rolname = current_user and d.datname = current_database()
"""
_LACKS = {
    "may_create": "cannot make roles: give it CREATEROLE",
    "may_grant": "does not own the database: CONNECT and CREATE on it cannot be granted",
    "may_end": "cannot end the connections of others: make it a member of pg_signal_backend",
}
