"""What the dialects of servers that speak the protocol of MySQL say alike. Pure."""

from abc import ABC, abstractmethod

from tenantry.databases.model import FoundState, Policy, PrincipalKind, Right, WantedState
from tenantry.databases.names import kind_of
from tenantry.privileges.model import DEFAULT_SCHEMA, DatabaseObject


class MysqlFamily(ABC):
    """A schema is a database there, nobody owns anything, and nobody has anything by default."""

    def brings(self, wanted: WantedState, found: FoundState, policy: Policy) -> frozenset[Right]:
        """Nothing: what is made there gives nobody anything."""
        return frozenset()

    def drop(self, name: str, heir: str) -> str:
        """Nothing has to be passed on: what a role has made can be dropped by those who may."""
        what = "USER" if kind_of(name) is PrincipalKind.USER else "ROLE"
        return f"DROP {what} {self.quoted(name)}"

    @abstractmethod
    def quoted(self, name: str) -> str:
        """A principal as a statement names it."""


def missing(place: DatabaseObject, found: FoundState) -> str | None:
    """Why there is no such object on the server; None where there is."""
    if place.schema not in (None, DEFAULT_SCHEMA, found.database):
        return f"there is no schema {place.schema}: a schema is a database there"
    if place.table is not None and (found.database, place.table) not in found.catalogue.tables:
        return f"there is no table {place.table} on the server"
    return None
