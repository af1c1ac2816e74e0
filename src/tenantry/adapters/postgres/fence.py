"""The second fence: what is done for one tenant sees that tenant's rows only.

It is done as another role, on connections of its own, so that no plan serves both. The tenant is
named in the same message as BEGIN, or in the very statement where one reads alone: the fence
costs no round trip. Where no tenant is named, that role sees nothing.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg

from tenantry.adapters.postgres.pool import ConnectionPool
from tenantry.adapters.postgres.transaction import PostgresTransaction, translated
from tenantry.kernel.transaction import Row, Statement

MEMBER = "tenantry_member"
"""The role for which row-level security shows one tenant only."""

_PLACE = re.compile(r"\$([0-9]+)")
_READS = re.compile(r"\s*(select|with)\b")
_WRITES = re.compile(r"\b(insert|update|delete|share|set_config)\b")


@dataclass(frozen=True)
class Fence:
    """Connections as the fenced role, and whether what runs now is done for one tenant."""

    pool: ConnectionPool
    worn: bool
    """Whether its connections wear the role; behind PgBouncer each transaction has to put it on."""
    tenant: Callable[[], UUID | None]
    """The tenant; None for what may look over all of them."""

    def block(self, connection: asyncpg.Connection, tenant_id: UUID) -> "FencedBlock":
        """A transaction of this tenant."""
        return FencedBlock(connection, tenant_id, worn=self.worn)


class FencedBlock:
    """A transaction in which one tenant's rows are there, and no others."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: UUID, *, worn: bool) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._worn = worn

    async def start(self) -> None:
        """Begin it and name the tenant, in one message."""
        role = "" if self._worn else f"set local role {MEMBER}; "
        tenant = UUID(int=self._tenant_id.int)  # whose text holds nothing but digits
        await self._connection.execute(f"begin; {role}set local tenantry.tenant = '{tenant}'")

    async def commit(self) -> None:
        """Make it last; the tenant is named no longer."""
        await self._connection.execute("commit")

    async def rollback(self) -> None:
        """Undo it; likewise."""
        await self._connection.execute("rollback")


class FencedTransaction(PostgresTransaction):
    """A transaction in such a block, which begins also where all was left for later."""

    async def commit(self) -> None:
        """Run what was left for later, with the tenant named, and make all of it last."""
        if self._for_later or self._entries or self.changes:
            await self._begin()
        await super().commit()


class FencedStatements(PostgresTransaction):
    """Statements that each stand alone. One that reads names its tenant itself."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: UUID, fence: Fence) -> None:
        super().__init__(connection)
        self._tenant_id = tenant_id
        self._fence = fence

    async def execute(self, statement: Statement, *arguments: object) -> int:
        async with self._block():
            return await super().execute(statement, *arguments)

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        fenced = self._alone(statement)
        if fenced is not None:
            return await super().fetch(fenced, *arguments, str(self._tenant_id))
        async with self._block():
            return await super().fetch(statement, *arguments)

    async def fetchrow(self, statement: Statement, *arguments: object) -> Row | None:
        fenced = self._alone(statement)
        if fenced is not None:
            return await super().fetchrow(fenced, *arguments, str(self._tenant_id))
        async with self._block():
            return await super().fetchrow(statement, *arguments)

    async def fetchval(self, statement: Statement, *arguments: object) -> Any:  # Any: of any column
        fenced = self._alone(statement)
        if fenced is not None:
            return await super().fetchval(fenced, *arguments, str(self._tenant_id))
        async with self._block():
            return await super().fetchval(statement, *arguments)

    async def commit(self) -> None:
        """Run what was left for later."""
        if not (self._for_later or self.changes):
            return await super().commit()
        async with self._block():
            return await super().commit()

    def _alone(self, statement: Statement) -> Statement | None:
        return alone(statement) if self._fence.worn else None

    @asynccontextmanager
    async def _block(self) -> AsyncIterator[None]:
        block = self._fence.block(self.connection, self._tenant_id)
        with translated():
            await block.start()
        try:
            yield
        except BaseException:
            if not self.connection.is_closed():
                with translated():
                    await block.rollback()
            raise
        with translated():
            await block.commit()


@lru_cache(maxsize=4096)
def alone(statement: Statement) -> Statement | None:
    """The statement as one that names its tenant, an argument more; None where it may write.

    What is inside refers to what is outside, so it cannot begin before that has named the tenant.
    """
    sql = statement.sql
    if not _READS.match(sql) or _WRITES.search(sql):
        return None
    place = 1 + max((int(number) for number in _PLACE.findall(sql)), default=0)
    fenced = f"""
        select inside.* from
            (select set_config('tenantry.tenant', ${place}, true) as tenant offset 0) outside,
            lateral (
                select found.* from ({sql}) found where outside.tenant is not null offset 0
            ) inside
    """
    return replace(statement, sql=fenced)
