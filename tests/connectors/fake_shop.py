"""The shop on a server that only pretends."""

from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.privileges.model import DatabaseObject, Privilege, object_named
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.database_server import FakeDatabaseServer
from tests.connectors.worlds import Cast


class FakeLine:
    """A pretended connection."""

    def __init__(self, server: FakeDatabaseServer, name: str) -> None:
        self._server = server
        self._name = name

    async def may(self, privilege: Privilege, place: DatabaseObject) -> bool:
        table = (place.schema or "", place.table or "")
        return self._server.may(self._name, privilege.value, table)

    async def is_open(self) -> bool:
        return self._server.connections.get(self._name, 0) > 0

    async def close(self) -> None:
        self._server.connections.pop(self._name, None)


class FakeShop:
    """A pretended database."""

    kind = DatabaseKind.POSTGRESQL
    tried = (Privilege.SELECT, Privilege.INSERT, Privilege.UPDATE, Privilege.DELETE)

    def __init__(self) -> None:
        self.database = "shop"
        self.address = Address("pretended", None, "shop", "keeper")
        self.clock = ShiftedClock()
        tables = (("public", "goods"), ("public", "orders"))
        self.connector = FakeDatabaseServer(*tables, clock=self.clock)
        self.tables = [object_named("shop", *table) for table in tables]

    async def run(self, *statements: str) -> None:
        self.connector.done += statements

    async def log_in(self, name: str, password: str) -> FakeLine:
        self.connector.log_in(name, password)
        return FakeLine(self.connector, name)

    async def removed(self) -> None:
        self.connector.rights.clear()

    def cast(self) -> Cast:
        return Cast(self.database, self.tables)
