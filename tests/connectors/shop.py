"""What the tests ask of a shop, on whatever server it is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import FoundState, Plan, Policy, WantedState
from tenantry.databases.planning import diff
from tenantry.databases.ports import DatabaseConnector
from tenantry.privileges.model import DatabaseObject, Privilege
from tests.connectors.worlds import Cast

PASSWORD = "not so secret 1"
TAKEN = "taken"


class Line(Protocol):
    """A connection as one login, for real statements."""

    async def may(self, privilege: Privilege, place: DatabaseObject) -> bool:
        """Whether a statement that takes the privilege is run; what it does is undone."""

    async def is_open(self) -> bool:
        """Whether the server still listens to it."""

    async def close(self) -> None: ...


class Shop(Protocol):
    """A database with two tables and a view, its connector, and its owner's statements."""

    @property
    def kind(self) -> DatabaseKind: ...

    @property
    def database(self) -> str: ...

    @property
    def address(self) -> Address:
        """Where it is, for its owner."""

    @property
    def connector(self) -> DatabaseConnector: ...

    @property
    def tables(self) -> Sequence[DatabaseObject]: ...

    @property
    def tried(self) -> Sequence[Privilege]:
        """The privileges that fit exactly, and can be tried by a statement."""

    async def run(self, *statements: str) -> None:
        """As the owner of all, past Tenantry."""

    async def log_in(self, name: str, password: str) -> Line:
        """A new connection; PermissionError where the server refuses it."""

    async def removed(self) -> None:
        """Leave nothing of it on the server."""

    def cast(self) -> Cast: ...


async def settled(shop: Shop, wanted: WantedState, policy: Policy | None = None) -> Plan:
    """Plan and apply; the plan that was applied."""
    plan = await planned(shop, wanted, policy)
    await shop.connector.apply(wanted.scope, plan)
    return plan


async def planned(shop: Shop, wanted: WantedState, policy: Policy | None = None) -> Plan:
    """What would be done now."""
    found = await found_by(shop, wanted)
    return diff(wanted, found, shop.connector.dialect, policy or Policy())


async def found_by(shop: Shop, wanted: WantedState) -> FoundState:
    adopted = [one.name for one in wanted.principals if one.adopted]
    return await shop.connector.inspect(wanted.scope, adopted)


async def logged_in(shop: Shop, wanted: WantedState, name: str) -> Line:
    """A connection as a managed login, with a fresh credential."""
    until = datetime.now(UTC) + timedelta(hours=1)
    await shop.connector.open_login(wanted.scope, name, PASSWORD, until)
    return await shop.log_in(name, PASSWORD)


def dsn_of(shop: Shop, host: str | None = None) -> str:
    """Its address, as one gives it to Tenantry."""
    user, place = shop.address.username, quote(host or shop.address.host, safe="")
    return f"{shop.kind}://{user}@/{shop.database}?host={place}"
