"""The way to the servers of managed databases: the right connector, with its secret opened."""

from typing import Protocol

from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind, ManagedDatabase
from tenantry.databases.ports import DatabaseConnector
from tenantry.databases.repository import ManagedDatabaseRepository, address_in
from tenantry.databases.vault import SecretVault
from tenantry.kernel.transaction import Database


class Connections(Protocol):
    """Makes connectors, to allowed hosts only."""

    async def require_allowed(self, address: Address) -> Address:
        """The address with its host looked up; InvalidInput where one may not go there."""

    async def connect(
        self, kind: DatabaseKind, address: Address, secret: str | None
    ) -> DatabaseConnector:
        """The connector for this kind of server."""


class Servers:
    """Connects to the servers of managed databases."""

    def __init__(
        self,
        *,
        database: Database,
        managed_database_repository: ManagedDatabaseRepository,
        vault: SecretVault,
        connections: Connections,
    ) -> None:
        self._database = database
        self._databases = managed_database_repository
        self._vault = vault
        self._connections = connections

    async def connector(self, managed: ManagedDatabase) -> DatabaseConnector:
        """The server of this managed database; InvalidInput where its host is not allowed now."""
        async with self._database.autocommit() as tx:
            sealed = await self._databases.secret(tx, managed.id)
        secret = self._vault.opened(managed.id, sealed)
        return await self._connections.connect(managed.kind, address_in(managed), secret)
