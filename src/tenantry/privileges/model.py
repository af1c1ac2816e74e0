"""Privileges, the levels at which each has a meaning, and what covers what. Pure."""

import difflib
from collections.abc import Iterable
from enum import IntEnum, StrEnum

from tenantry.errors import InvalidInput
from tenantry.record import Record

DEFAULT_SCHEMA = "public"
"""Where a table is that is named without a schema."""


class Level(IntEnum):
    """How much an object holds; a wider level has the smaller number."""

    EVERYTHING = 0
    DATABASE = 1
    SCHEMA = 2
    TABLE = 3

    def __str__(self) -> str:
        return self.name.lower()


class Privilege(StrEnum):
    """What one may do in a database. ALL covers every other, also those to come."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"
    REFERENCES = "REFERENCES"
    TRIGGER = "TRIGGER"
    CREATE_TABLE = "CREATE_TABLE"
    DROP_TABLE = "DROP_TABLE"
    ALTER_TABLE = "ALTER_TABLE"
    CREATE_VIEW = "CREATE_VIEW"
    ALTER_VIEW = "ALTER_VIEW"
    DROP_VIEW = "DROP_VIEW"
    CREATE_INDEX = "CREATE_INDEX"
    DROP_INDEX = "DROP_INDEX"
    CREATE_SCHEMA = "CREATE_SCHEMA"
    DROP_SCHEMA = "DROP_SCHEMA"
    CREATE_DATABASE = "CREATE_DATABASE"
    DROP_DATABASE = "DROP_DATABASE"
    CREATE_PROCEDURE = "CREATE_PROCEDURE"
    EXECUTE_PROCEDURE = "EXECUTE_PROCEDURE"
    CONNECT = "CONNECT"
    GRANT_PRIVILEGES = "GRANT_PRIVILEGES"
    ALL = "ALL"

    @property
    def narrowest(self) -> Level:
        """The smallest object on which it can be granted; it can on everything wider."""
        return _NARROWEST.get(self, Level.TABLE)


_NARROWEST = {
    Privilege.CREATE_TABLE: Level.SCHEMA,
    Privilege.CREATE_VIEW: Level.SCHEMA,
    Privilege.DROP_SCHEMA: Level.SCHEMA,
    Privilege.CREATE_PROCEDURE: Level.SCHEMA,
    Privilege.EXECUTE_PROCEDURE: Level.SCHEMA,
    Privilege.CREATE_SCHEMA: Level.DATABASE,
    Privilege.DROP_DATABASE: Level.DATABASE,
    Privilege.CONNECT: Level.DATABASE,
    Privilege.CREATE_DATABASE: Level.EVERYTHING,
}


class DatabaseObject(Record, frozen=True):
    """Everything, a database, a schema in it or a table in that, by how much is named.

    Made by ``object_named``, which puts a table without a schema into the default one.
    """

    database: str | None = None
    schema: str | None = None
    table: str | None = None

    @property
    def level(self) -> Level:
        """How much it holds."""
        named = (self.database, self.schema, self.table)
        return Level(sum(part is not None for part in named))

    def covers(self, other: "DatabaseObject") -> bool:
        """Whether the other is this or lies in it."""
        mine = (self.database, self.schema, self.table)
        theirs = (other.database, other.schema, other.table)
        return all(m is None or m == t for m, t in zip(mine, theirs, strict=True))

    def label(self) -> str:
        """The object in words for people, such as ``analytics_db.public.user_data``."""
        parts = [part for part in (self.database, self.schema, self.table) if part is not None]
        return ".".join(parts) or "everything"


def object_named(
    database: str | None = None, schema: str | None = None, table: str | None = None
) -> DatabaseObject:
    """The object; InvalidInput where a part is named without the one that it is in."""
    if database is None and (schema is not None or table is not None):
        raise InvalidInput.of("database", "missing", "must be named where a part of it is")
    if table is not None and schema is None:
        schema = DEFAULT_SCHEMA
    return DatabaseObject(database, schema, table)


def privilege_named(text: str, field: str = "permission") -> Privilege:
    """The privilege of this name in any case; InvalidInput lists names that are near."""
    word = text.strip()[:64].upper()
    try:
        return Privilege(word)
    except ValueError:
        near = difflib.get_close_matches(word, [p.value for p in Privilege], n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        message = f"there is no privilege {text[:64]!r}{hint}"
        raise InvalidInput.of(field, "unknown_privilege", message) from None


def require_level(privilege: Privilege, level: Level, field: str = "permissions") -> None:
    """InvalidInput where the privilege means nothing on an object of this level."""
    if level > privilege.narrowest:
        message = f"{privilege} has a meaning on a {privilege.narrowest} or more, not on a {level}"
        if privilege.narrowest is Level.EVERYTHING:
            message = f"{privilege} has a meaning on everything only, not on a {level}"
        raise InvalidInput.of(field, "wrong_level", message)


def expanded(privileges: Iterable[Privilege]) -> frozenset[Privilege]:
    """The same with ALL replaced by every single privilege."""
    said = frozenset(privileges)
    return frozenset(Privilege) - {Privilege.ALL} if Privilege.ALL in said else said
