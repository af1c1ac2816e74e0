"""The privileges of MatrixOne as tables of data, after its documentation: not proven live.

Rights go to roles only, and one role is active in a session: the umbrella of a user, its default
role from its making on, holds what the user was given itself and all its roles.
"""

from tenantry.adapters.databases.quoting import mysql_object as quoted
from tenantry.adapters.databases.rules import Form, Rule, Rules
from tenantry.databases.model import Fidelity, RightKind
from tenantry.privileges.model import Level, Privilege

WHOLE = "*"
"""In the path of a right on tables: all tables of the database."""
CONNECT = (RightKind.SERVER, "CONNECT")
_DATABASE = frozenset({Level.DATABASE})
_SCHEMAS = frozenset({Level.DATABASE, Level.SCHEMA})
_TABLE = frozenset({Level.TABLE})
_TABLES = _SCHEMAS | _TABLE
_VIEWS = "a right on all tables of a database leaves its views out"
_INDEX = "INDEX both makes and drops indexes"
_VIEW = "CREATE VIEW also makes and calls functions and procedures"
_LARGE = "it is had for all tables of a database, not for one"


def _rows(privilege: Privilege, word: str = "") -> tuple[Rule, Rule]:
    """On one table exactly; on the database without its views."""
    words = (CONNECT, (RightKind.TABLE, word or privilege.value))
    return (
        Rule(privilege, _TABLE, words),
        Rule(privilege, _SCHEMAS, words, Fidelity.NARROWER, _VIEWS),
    )


def _shape(privilege: Privilege, word: str) -> tuple[Rule, Rule]:
    """A right of the database; there is none for one table."""
    return (
        Rule(privilege, _SCHEMAS, (CONNECT, (RightKind.DATABASE, word))),
        Rule(privilege, _TABLE, (), Fidelity.IMPOSSIBLE, _LARGE),
    )


def _wider(
    privilege: Privilege, levels: frozenset[Level], word: tuple[RightKind, str], note: str
) -> Rule:
    return Rule(privilege, levels, (CONNECT, word), Fidelity.WIDER, note)


def _never(privilege: Privilege, levels: frozenset[Level], note: str) -> Rule:
    return Rule(privilege, levels, (), Fidelity.IMPOSSIBLE, note)


RULES = Rules(
    (
        *_rows(Privilege.SELECT),
        *_rows(Privilege.INSERT),
        *_rows(Privilege.UPDATE),
        *_rows(Privilege.DELETE),
        *_rows(Privilege.TRUNCATE),
        *_rows(Privilege.REFERENCES, "REFERENCE"),
        _never(Privilege.TRIGGER, _TABLES, "there are no triggers"),
        Rule(Privilege.CREATE_TABLE, _SCHEMAS, (CONNECT, (RightKind.DATABASE, "CREATE TABLE"))),
        *_shape(Privilege.DROP_TABLE, "DROP TABLE"),
        *_shape(Privilege.ALTER_TABLE, "ALTER TABLE"),
        *_shape(Privilege.ALTER_VIEW, "ALTER VIEW"),
        *_shape(Privilege.DROP_VIEW, "DROP VIEW"),
        _wider(Privilege.CREATE_VIEW, _SCHEMAS, (RightKind.DATABASE, "CREATE VIEW"), _VIEW),
        _wider(Privilege.CREATE_PROCEDURE, _SCHEMAS, (RightKind.DATABASE, "CREATE VIEW"), _VIEW),
        _wider(Privilege.CREATE_INDEX, _TABLES, (RightKind.TABLE, "INDEX"), _INDEX),
        _wider(Privilege.DROP_INDEX, _TABLES, (RightKind.TABLE, "INDEX"), _INDEX),
        Rule(Privilege.CONNECT, _DATABASE, (CONNECT,)),
        _never(Privilege.EXECUTE_PROCEDURE, _SCHEMAS, "EXECUTE is never looked at there"),
        _never(Privilege.CREATE_SCHEMA, _DATABASE, "a schema is a database there"),
        _never(Privilege.DROP_SCHEMA, _SCHEMAS, "a schema is a database there"),
        _never(Privilege.CREATE_DATABASE, _DATABASE, "it would be good for all databases"),
        _never(Privilege.DROP_DATABASE, _DATABASE, "it would be good for all databases"),
        _never(Privilege.GRANT_PRIVILEGES, _TABLES, "MANAGE GRANTS is good for the whole account"),
    )
)


def _name(path: tuple[str, ...]) -> str:
    return quoted(path[0])


def _table(path: tuple[str, ...]) -> str:
    return f"{quoted(path[0])}.{WHOLE if path[1] == WHOLE else quoted(path[1])}"


def _on(what: str) -> tuple[str, str]:
    return (
        f"GRANT {{words}} ON {what} TO {{principals}}",
        f"REVOKE {{words}} ON {what} FROM {{principals}}",
    )


FORMS = {
    RightKind.SERVER: Form(*_on("ACCOUNT *"), "".join),
    RightKind.MEMBER: Form(
        "GRANT {objects} TO {principals}", "REVOKE {objects} FROM {principals}", _name
    ),
    RightKind.DATABASE: Form(*_on("DATABASE {objects}"), _name),
    RightKind.TABLE: Form(*_on("TABLE {objects}"), _table),
}
READ = {
    (RightKind.SERVER, "CONNECT"): (Privilege.CONNECT,),
    (RightKind.TABLE, "REFERENCE"): (Privilege.REFERENCES,),
    (RightKind.TABLE, "INDEX"): (Privilege.CREATE_INDEX, Privilege.DROP_INDEX),
    **{
        (RightKind.TABLE, word): (Privilege[word],)
        for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    },
    **{
        (RightKind.DATABASE, word.replace("_", " ")): (Privilege[word],)
        for word in (
            "CREATE_TABLE",
            "DROP_TABLE",
            "ALTER_TABLE",
            "CREATE_VIEW",
            "ALTER_VIEW",
            "DROP_VIEW",
        )
    },
}
"""What a right that is there says in Tenantry's words."""
