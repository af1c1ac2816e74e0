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
    """A name of a table or column for the MySQL family, in back-ticks."""
    return "`" + require_text(name, longest=64 * 3).replace("`", "``") + "`"


def mysql_database(name: str) -> str:
    """The database in a GRANT, where ``_`` and ``%`` would stand for any letters."""
    escaped = name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    return "`" + require_text(escaped, longest=64 * 3 * 2).replace("`", "``") + "`"


def mysql_principal(name: str) -> str:
    """A user or role for the MySQL family, in back-ticks."""
    return mysql_object(require_identifier(name))
