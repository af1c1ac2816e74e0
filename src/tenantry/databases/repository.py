"""Reads and writes managed databases."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tenantry.databases import queries
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind, ManagedDatabase, Standing
from tenantry.errors import DatabaseConflict, DatabaseNotFound
from tenantry.kernel.transaction import ConstraintViolation, Row, Transaction
from tenantry.users.access import Scope


class Limits(NamedTuple):
    """What the owner of a database allows a plan to do."""

    allow_wider: bool
    close_public: bool
    take_ownership: bool


class ManagedDatabaseRepository:
    """Managed databases. ``scope`` says which the asker can see; others do not exist."""

    async def get(self, tx: Transaction, name: str, scope: Scope) -> ManagedDatabase:
        """The managed database of this name; DatabaseNotFound where there is none in sight."""
        return _found(await tx.fetchrow(queries.FIND, name, scope.tenant_id))

    async def lock(self, tx: Transaction, name: str, scope: Scope) -> ManagedDatabase:
        """Like ``get``, and nobody else changes it until the transaction ends."""
        return _found(await tx.fetchrow(queries.LOCK, name, scope.tenant_id))

    async def page(
        self, tx: Transaction, scope: Scope, after: str | None, limit: int
    ) -> list[ManagedDatabase]:
        """Managed databases by name."""
        rows = await tx.fetch(queries.PAGE, after, scope.tenant_id, limit)
        return [_database(row) for row in rows]

    async def insert(
        self,
        tx: Transaction,
        database_id: UUID,
        name: str,
        kind: DatabaseKind,
        address: Address,
        secret: bytes | None,
        limits: Limits,
        now: datetime,
    ) -> None:
        """Add one; DatabaseConflict when there is one of this name."""
        try:
            await tx.execute(
                queries.INSERT,
                database_id,
                name,
                kind.value,
                *_columns(address),
                secret,
                *limits,
                now,
            )
        except ConstraintViolation as violation:
            raise DatabaseConflict(field="database") from violation

    async def update(
        self,
        tx: Transaction,
        database_id: UUID,
        address: Address,
        secret: bytes | None,
        limits: Limits,
        now: datetime,
    ) -> None:
        """Change where it is, the secret, and what a plan may do."""
        await tx.execute(queries.UPDATE, database_id, *_columns(address), secret, *limits, now)

    async def delete(self, tx: Transaction, database_id: UUID) -> None:
        """Forget it."""
        await tx.execute(queries.DELETE, database_id)

    async def secret(self, tx: Transaction, database_id: UUID) -> bytes | None:
        """The sealed secret, where there is one."""
        sealed: bytes | None = await tx.fetchval(queries.SECRET, database_id)
        return sealed

    async def key_ids(self, tx: Transaction) -> set[bytes]:
        """The keys with which secrets were sealed."""
        return {row["key_id"] for row in await tx.fetch(queries.KEY_IDS)}

    async def sealed(self, tx: Transaction) -> Sequence[tuple[UUID, bytes]]:
        """All sealed secrets, locked."""
        return [(row["id"], row["secret"]) for row in await tx.fetch(queries.SEALED)]

    async def reseal(self, tx: Transaction, database_id: UUID, secret: bytes) -> None:
        """Store a secret that was sealed anew."""
        await tx.execute(queries.RESEAL, database_id, secret)


def address_in(database: ManagedDatabase) -> Address:
    """Where a managed database is."""
    return Address(
        host=database.host,
        port=database.port,
        database=database.remote_name,
        username=database.username,
        tls=database.tls,
    )


def _columns(address: Address) -> tuple[object, ...]:
    return address.host, address.port, address.database, address.username, address.tls


def _found(row: Row | None) -> ManagedDatabase:
    if row is None:
        raise DatabaseNotFound(field="database")
    return _database(row)


def _database(row: Row) -> ManagedDatabase:
    values = {name: row[name] for name in ManagedDatabase.__struct_fields__}
    kind, standing = DatabaseKind(row["kind"]), Standing(row["standing"])
    drift = json.loads(row["drift"])
    return ManagedDatabase(**{**values, "kind": kind, "standing": standing, "drift": drift})
