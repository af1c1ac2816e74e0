"""Seals and opens the secrets with which Tenantry goes to managed databases."""

from typing import Protocol
from uuid import UUID

from tenantry.databases.repository import ManagedDatabaseRepository
from tenantry.kernel.transaction import Database


class Cipher(Protocol):
    """Seals a secret for a context, and opens it in that context only."""

    def seal(self, secret: bytes, context: bytes) -> bytes: ...

    def open(self, sealed: bytes, context: bytes) -> bytes: ...


class SecretVault:
    """The one place that sees these secrets in the clear, but for who logs in with them."""

    def __init__(
        self, *, database: Database, repository: ManagedDatabaseRepository, cipher: Cipher
    ) -> None:
        self._database = database
        self._databases = repository
        self._cipher = cipher

    def sealed(self, database_id: UUID, secret: str | None) -> bytes | None:
        """The secret as it is stored."""
        if secret is None:
            return None
        return self._cipher.seal(secret.encode(), _context(database_id))

    def opened(self, database_id: UUID, sealed: bytes | None) -> str | None:
        """The secret as it was given; ConfigurationError where no key here opens it."""
        if sealed is None:
            return None
        return self._cipher.open(sealed, _context(database_id)).decode()

    async def key_ids(self) -> set[bytes]:
        """The keys with which secrets are sealed now."""
        async with self._database.autocommit() as tx:
            return await self._databases.key_ids(tx)

    async def reseal(self) -> None:
        """Seal all secrets with today's key."""
        async with self._database.transaction() as tx:
            for database_id, sealed in await self._databases.sealed(tx):
                secret = self.opened(database_id, sealed)
                again = self.sealed(database_id, secret)
                if again is not None:
                    await self._databases.reseal(tx, database_id, again)


def _context(database_id: UUID) -> bytes:
    return b"managed database\0" + database_id.bytes
