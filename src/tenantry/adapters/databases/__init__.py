"""Servers that hold managed databases: their privileges as tables of data, and their connectors."""

from tenantry.adapters.databases.matrixone_connector import MatrixOneConnector
from tenantry.adapters.databases.mysql_connector import MysqlConnector
from tenantry.adapters.databases.postgresql_connector import PostgresConnector
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.ports import DatabaseConnector


def connector_to(
    kind: DatabaseKind, address: Address, password: str | None, *, deadline: float = 30.0
) -> DatabaseConnector:
    """The connector for a managed database; nothing is connected before it is asked something."""
    if kind is DatabaseKind.POSTGRESQL:
        return PostgresConnector(address, password, deadline=deadline)
    if kind is DatabaseKind.MATRIXONE:
        return MatrixOneConnector(kind, address, password, deadline=deadline)
    return MysqlConnector(kind, address, password, deadline=deadline)
