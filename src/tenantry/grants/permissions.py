"""What a user may do, as a set that can be asked."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from tenantry.grants.model import AccessPath
from tenantry.privileges.model import (
    DatabaseObject,
    Privilege,
    expanded,
    object_named,
    privilege_named,
)
from tenantry.record import Record

Entry = tuple[str, str | None, str | None, str | None]
"""Privilege, database, schema, table."""


class EffectivePrivilege(Record, frozen=True, kw_only=True):
    """A privilege that a user has on an object now, and in which ways.

    Where it is on everything ``within`` a tenant, ``databases`` are those of the tenant.
    """

    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None
    within: str | None
    databases: list[str] | None
    paths: list[AccessPath]

    def objects(self) -> list[DatabaseObject]:
        """What it is on."""
        if self.databases is not None:
            return [DatabaseObject(name) for name in self.databases]
        return [DatabaseObject(self.database, self.schema, self.table)]


class UserPermissions(Record, frozen=True, kw_only=True):
    """What a user may do now. ALL is every privilege that there is.

    ``("SELECT", "db", "schema", "table") in it`` is the exact question, whether the user may do
    this on the whole of an object; parts at the end may be left out. ``"SELECT" in it`` means on
    at least one object, which authorises nothing. Walking through it gives such tuples, sorted.
    """

    user: str
    at: datetime
    effective: list[EffectivePrivilege]
    beyond: list[str]
    """Digests of the names of databases that are beyond a closed wall for the user."""

    def __contains__(self, asked: object) -> bool:
        if isinstance(asked, str):
            named = privilege_named(asked)
            return any(one.privilege in (named, Privilege.ALL) for one in self.effective)
        if not isinstance(asked, tuple) or not 1 <= len(asked) <= 4:
            raise TypeError("ask for a privilege or for (privilege, database, schema, table)")
        named = privilege_named(asked[0])
        on = object_named(*asked[1:])
        if on.database is not None and digest(on.database) in self.beyond:
            return False
        return any(
            one.privilege in (named, Privilege.ALL) and any(o.covers(on) for o in one.objects())
            for one in self.effective
        )

    def __iter__(self) -> Iterator[Entry]:
        found = {
            (privilege.value, on.database, on.schema, on.table)
            for one in self.effective
            for privilege in expanded([one.privilege])
            for on in one.objects()
        }
        return iter(sorted(found, key=lambda entry: [part or "" for part in entry]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{entry[0]} on {DatabaseObject(*entry[1:]).label()}" for entry in self)
        return "{" + shown + "}"

    __str__ = __repr__


def digest(database: str) -> str:
    """A name that can be recognised and not be read: it may be a stranger's."""
    return hashlib.sha256(database.encode()).hexdigest()[:16]
