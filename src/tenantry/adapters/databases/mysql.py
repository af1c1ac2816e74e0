"""The privileges of the MySQL family as tables of data, tried on MariaDB 10.11.

A schema is a database there: what is on the schema is on the database. RULES says what each
privilege takes, FORMS how a right of each kind is given and taken; MYSQL_FORMS has what MySQL 8
says in other words than MariaDB.
"""

from tenantry.adapters.databases.quoting import mysql_object as quoted
from tenantry.adapters.databases.rules import Form, Rule, Rules
from tenantry.databases.model import Fidelity, RightKind
from tenantry.privileges.model import Level, Privilege

DATABASE = frozenset({Level.DATABASE})
SCHEMAS = frozenset({Level.DATABASE, Level.SCHEMA})
TABLES = frozenset({Level.DATABASE, Level.SCHEMA, Level.TABLE})
_DROP = "DROP also empties tables, drops views and, on a whole database, the database"
_INDEX = "INDEX both makes and drops indexes"


def _rule(
    privilege: Privilege,
    levels: frozenset[Level],
    *words: str,
    wider: str = "",
) -> Rule:
    pairs = tuple((RightKind.TABLE, word) for word in words)
    fidelity = Fidelity.WIDER if wider else Fidelity.EXACT
    return Rule(privilege, levels, pairs, fidelity, wider)


def _never(privilege: Privilege, levels: frozenset[Level], note: str) -> Rule:
    return Rule(privilege, levels, (), Fidelity.IMPOSSIBLE, note)


RULES = Rules(
    (
        _rule(Privilege.SELECT, TABLES, "SELECT"),
        _rule(Privilege.INSERT, TABLES, "INSERT"),
        _rule(Privilege.UPDATE, TABLES, "UPDATE"),
        _rule(Privilege.DELETE, TABLES, "DELETE"),
        _rule(Privilege.REFERENCES, TABLES, "REFERENCES"),
        _rule(Privilege.TRIGGER, TABLES, "TRIGGER"),
        _rule(Privilege.TRUNCATE, TABLES, "DROP", wider=_DROP),
        _rule(
            Privilege.CREATE_TABLE,
            SCHEMAS,
            "CREATE",
            wider="CREATE on a database also makes the database, were it gone",
        ),
        _rule(Privilege.DROP_TABLE, TABLES, "DROP", wider=_DROP),
        _rule(Privilege.ALTER_TABLE, TABLES, "ALTER", wider="ALTER also makes and drops indexes"),
        _rule(Privilege.CREATE_VIEW, SCHEMAS, "CREATE VIEW", "SHOW VIEW"),
        _rule(Privilege.ALTER_VIEW, TABLES, "CREATE VIEW", "DROP", "SHOW VIEW", wider=_DROP),
        _rule(Privilege.DROP_VIEW, TABLES, "DROP", wider=_DROP),
        _rule(Privilege.CREATE_INDEX, TABLES, "INDEX", wider=_INDEX),
        _rule(Privilege.DROP_INDEX, TABLES, "INDEX", wider=_INDEX),
        _rule(Privilege.DROP_DATABASE, DATABASE, "DROP", wider=_DROP),
        _rule(Privilege.CREATE_PROCEDURE, SCHEMAS, "CREATE ROUTINE"),
        _rule(Privilege.EXECUTE_PROCEDURE, SCHEMAS, "EXECUTE"),
        _rule(Privilege.GRANT_PRIVILEGES, TABLES, "GRANT OPTION"),
        Rule(
            Privilege.CONNECT,
            DATABASE,
            (),
            Fidelity.NARROWER,
            "one can log in, and choose the database once there is a right on something in it",
        ),
        _never(Privilege.CREATE_SCHEMA, DATABASE, "a schema is a database there"),
        _never(Privilege.DROP_SCHEMA, SCHEMAS, "a schema is a database there"),
        _never(Privilege.CREATE_DATABASE, DATABASE, "it would be good on the whole server"),
    )
)


def _table_name(path: tuple[str, ...]) -> str:
    return f"{quoted(path[0])}.{quoted(path[1])}"


def _first(path: tuple[str, ...]) -> str:
    return quoted(path[0])


def _on(place: str = "{objects}") -> tuple[str, str]:
    return (
        f"GRANT {{words}} ON {place} TO {{principals}}",
        f"REVOKE {{words}} ON {place} FROM {{principals}}",
    )


FORMS = {
    # An account of the same name that is nearer to who logs in is found before ours.
    RightKind.ATTRIBUTE: Form(
        "", "DROP USER {objects}", lambda p: f"{quoted(p[0])}@{quoted(p[1])}"
    ),
    RightKind.SERVER: Form("", _on("*.*")[1], "".join),
    RightKind.MEMBER: Form(
        "GRANT {objects} TO {principals}", "REVOKE {option}{objects} FROM {principals}", _first
    ),
    RightKind.DEFAULT_ROLE: Form(
        "SET DEFAULT ROLE {objects} FOR {principals}",
        "SET DEFAULT ROLE NONE FOR {principals}",
        _first,
        principals_at_once=1,
    ),
    RightKind.DATABASE: Form(*_on("{objects}.*"), _first),
    RightKind.TABLE: Form(*_on(), _table_name),
    RightKind.ROUTINE: Form(*_on(), lambda path: f"{path[1]} {quoted(path[0])}.{quoted(path[2])}"),
    RightKind.COLUMN: Form(
        "GRANT {words} {objects} TO {principals}",
        "REVOKE {words} {objects} FROM {principals}",
        lambda path: f"({quoted(path[2])}) ON {_table_name(path)}",
    ),
}
MYSQL_FORMS = {
    **FORMS,
    RightKind.DEFAULT_ROLE: Form(
        "ALTER USER {principals} DEFAULT ROLE {objects}",
        "ALTER USER {principals} DEFAULT ROLE NONE",
        _first,
        principals_at_once=1,
    ),
}
COLUMNS = {
    "Select_priv": "SELECT",
    "Insert_priv": "INSERT",
    "Update_priv": "UPDATE",
    "Delete_priv": "DELETE",
    "Create_priv": "CREATE",
    "Drop_priv": "DROP",
    "Grant_priv": "GRANT OPTION",
    "References_priv": "REFERENCES",
    "Index_priv": "INDEX",
    "Alter_priv": "ALTER",
    "Create_tmp_table_priv": "CREATE TEMPORARY TABLES",
    "Lock_tables_priv": "LOCK TABLES",
    "Create_view_priv": "CREATE VIEW",
    "Show_view_priv": "SHOW VIEW",
    "Create_routine_priv": "CREATE ROUTINE",
    "Alter_routine_priv": "ALTER ROUTINE",
    "Execute_priv": "EXECUTE",
    "Event_priv": "EVENT",
    "Trigger_priv": "TRIGGER",
    "Delete_history_priv": "DELETE HISTORY",
}
"""The columns of ``mysql.db``, and what GRANT calls them."""
WORDS = {"Grant": "GRANT OPTION", "Delete versioning rows": "DELETE HISTORY"}
"""Members of the sets in ``mysql.tables_priv`` and its like that GRANT calls otherwise."""
READ = {
    **{
        word: (Privilege[word],)
        for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES", "TRIGGER")
    },
    "CREATE": (Privilege.CREATE_TABLE,),
    "DROP": (Privilege.DROP_TABLE, Privilege.DROP_VIEW, Privilege.TRUNCATE),
    "ALTER": (Privilege.ALTER_TABLE,),
    "INDEX": (Privilege.CREATE_INDEX, Privilege.DROP_INDEX),
    "CREATE VIEW": (Privilege.CREATE_VIEW,),
    "CREATE ROUTINE": (Privilege.CREATE_PROCEDURE,),
    "EXECUTE": (Privilege.EXECUTE_PROCEDURE,),
    "GRANT OPTION": (Privilege.GRANT_PRIVILEGES,),
}
"""What a right on a table or database says in Tenantry's words."""
