"""How a name becomes a part of a statement: one function a dialect, and what it refuses."""

from tenantry.databases.names import require_identifier, require_text
from tenantry.errors import InvalidInput


def postgresql_object(name: str) -> str:
    """A name out of PostgreSQL's own catalogue, in quotes."""
    return '"' + require_text(name).replace('"', '""') + '"'


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

    It has at most 64 letters, which are at most 192 bytes.
    """
    return "`" + require_text(name, longest=192).replace("`", "``") + "`"


def mysql_pattern(name: str) -> str:
    """A database's name as GRANT wants it, where ``_`` and ``%`` would stand for any letters."""
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def mysql_account(name: str) -> str:
    """A user of the MySQL family, from wherever it comes; never everybody or a server's own."""
    return mysql_role(name) + "@'%'"


def mysql_role(name: str) -> str:
    """A role of the MySQL family."""
    return mysql_object(require_identifier(name))
