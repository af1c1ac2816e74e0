"""How a name becomes a part of a statement: one function a dialect, and what it refuses."""

from functools import lru_cache

from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import PrincipalKind
from tenantry.databases.names import kind_of, longest_name, require_identifier, require_text
from tenantry.errors import InvalidInput


@lru_cache(maxsize=4096)
def postgresql_object(name: str) -> str:
    """A name out of PostgreSQL's own catalogue, in quotes."""
    return '"' + require_text(name).replace('"', '""') + '"'


@lru_cache(maxsize=4096)
def postgresql_principal(name: str) -> str:
    """A role that is given something: in quotes, and never everybody or one of the server's."""
    return postgresql_object(require_identifier(name))


def postgresql_text(text: str) -> str:
    """A text constant. Without backslashes, so that no setting of the server changes its end."""
    if "\\" in text or "\0" in text:
        raise InvalidInput.of("text", "invalid_text", "holds a backslash or NUL")
    return "'" + text.replace("'", "''") + "'"


def mysql_object(name: str) -> str:
    """A name out of the server's own catalogue for the MySQL family, in back-ticks.

    It has at most 128 letters, which are at most 384 bytes; a host has 255.
    """
    return "`" + require_text(name, longest=384).replace("`", "``") + "`"


def mysql_pattern(name: str) -> str:
    """A database's name as GRANT wants it, where ``_`` and ``%`` would stand for any letters."""
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


@lru_cache(maxsize=4096)
def mysql_grantee(name: str) -> str:
    """Who is given something: a role, or a user with the host from which it comes.

    Ours come from everywhere; others are called by ``name@host``, as the server tells them.
    """
    require_identifier(name, longest=longest_name(DatabaseKind.MARIADB))
    kind = kind_of(name)
    if kind is not PrincipalKind.USER and "@" not in name:
        return mysql_object(name)
    user, _, host = name.rpartition("@") if kind is None else (name, "@", "%")
    return f"{mysql_object(user)}@{mysql_object(host)}"
