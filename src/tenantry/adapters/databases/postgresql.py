"""The privileges of PostgreSQL 15 to 18 as tables of data.

RULES says what each privilege takes, FORMS how a right of each kind is given and taken, and
QUERIES what is there. Nothing else in the adapter names a privilege of the server.
"""

from tenantry.adapters.databases.quoting import postgresql_object as quoted
from tenantry.adapters.databases.rules import Form, Rule, Rules
from tenantry.databases.model import Fidelity, RightKind
from tenantry.privileges.model import Level, Privilege

OBJECTS_AT_ONCE = 100
DATABASE = frozenset({Level.DATABASE})
SCHEMAS = frozenset({Level.DATABASE, Level.SCHEMA})
TABLES = frozenset({Level.DATABASE, Level.SCHEMA, Level.TABLE})
CONNECT = (RightKind.DATABASE, "CONNECT")
USAGE = (RightKind.SCHEMA, "USAGE")
OWNER = (RightKind.OWNER, "OWNER")
_REACH = (CONNECT, USAGE)
_OWNING = "PostgreSQL asks for the owner: a member of the owner role may do all with its tables"
_MAKING = "CREATE on a schema also makes tables, views, functions and types, whose maker owns them"


def _table(privilege: Privilege) -> Rule:
    return Rule(privilege, TABLES, (*_REACH, (RightKind.TABLE, privilege.value)))


def _owning(privilege: Privilege) -> Rule:
    return Rule(privilege, TABLES, (*_REACH, OWNER), Fidelity.WIDER, _OWNING)


def _making(privilege: Privilege) -> Rule:
    words = (*_REACH, (RightKind.SCHEMA, "CREATE"))
    return Rule(privilege, SCHEMAS, words, Fidelity.WIDER, _MAKING)


def _never(privilege: Privilege, levels: frozenset[Level], note: str) -> Rule:
    return Rule(privilege, levels, (), Fidelity.IMPOSSIBLE, note)


RULES = Rules(
    (
        _table(Privilege.SELECT),
        Rule(
            Privilege.INSERT,
            TABLES,
            (*_REACH, (RightKind.TABLE, "INSERT"), (RightKind.SEQUENCE, "USAGE")),
        ),
        _table(Privilege.UPDATE),
        _table(Privilege.DELETE),
        _table(Privilege.TRUNCATE),
        _table(Privilege.REFERENCES),
        _table(Privilege.TRIGGER),
        _making(Privilege.CREATE_TABLE),
        _making(Privilege.CREATE_VIEW),
        _making(Privilege.CREATE_PROCEDURE),
        _owning(Privilege.DROP_TABLE),
        _owning(Privilege.ALTER_TABLE),
        _owning(Privilege.ALTER_VIEW),
        _owning(Privilege.DROP_VIEW),
        _owning(Privilege.CREATE_INDEX),
        _owning(Privilege.DROP_INDEX),
        Rule(
            Privilege.CREATE_SCHEMA,
            DATABASE,
            (CONNECT, (RightKind.DATABASE, "CREATE")),
            Fidelity.WIDER,
            "CREATE on a database also makes publications and trusted extensions",
        ),
        _never(Privilege.DROP_SCHEMA, SCHEMAS, "only the owner of a schema can drop it"),
        _never(Privilege.DROP_DATABASE, DATABASE, "only the owner of a database can drop it"),
        _never(Privilege.CREATE_DATABASE, DATABASE, "it would be good on the whole server"),
        Rule(Privilege.EXECUTE_PROCEDURE, SCHEMAS, (*_REACH, (RightKind.ROUTINE, "EXECUTE"))),
        Rule(Privilege.CONNECT, DATABASE, (CONNECT,)),
        _never(
            Privilege.GRANT_PRIVILEGES,
            TABLES,
            "who may grant is decided by Tenantry; a grant option would pass it by",
        ),
    )
)


def _table_name(path: tuple[str, ...]) -> str:
    return f"{quoted(path[0])}.{quoted(path[1])}"


def _schema_name(path: tuple[str, ...]) -> str:
    return quoted(path[0])


def _future(path: tuple[str, ...]) -> str:
    creator, schema = path
    return f"FOR ROLE {quoted(creator)}" + (f" IN SCHEMA {quoted(schema)}" if schema else "")


def _on(what: str, place: str = "{objects}") -> tuple[str, str]:
    on = f"{{words}} ON {what} {place}"
    return f"GRANT {on} TO {{principals}}", f"REVOKE {on} FROM {{principals}} CASCADE"


def _later(what: str) -> tuple[str, str]:
    head = "ALTER DEFAULT PRIVILEGES {objects}"
    return (
        f"{head} GRANT {{words}} ON {what} TO {{principals}}",
        f"{head} REVOKE {{words}} ON {what} FROM {{principals}}",
    )


FORMS = {
    RightKind.MEMBER: Form(
        "GRANT {objects} TO {principals}",
        "REVOKE {option}{objects} FROM {principals} CASCADE",
        _schema_name,
    ),
    RightKind.ATTRIBUTE: Form("", "ALTER ROLE {principals} {words}", "".join, 1, 1),
    RightKind.OWNER: Form(
        "ALTER TABLE {objects} OWNER TO {principals}", "", _table_name, principals_at_once=1
    ),
    RightKind.DATABASE: Form(*_on("DATABASE"), _schema_name),
    RightKind.SCHEMA: Form(*_on("SCHEMA"), _schema_name, OBJECTS_AT_ONCE),
    RightKind.TABLE: Form(*_on("TABLE"), _table_name, OBJECTS_AT_ONCE),
    RightKind.SEQUENCE: Form(*_on("SEQUENCE"), _table_name, OBJECTS_AT_ONCE),
    # The server wrote the routine, with its arguments and in quotes where it needs them.
    RightKind.ROUTINE: Form(*_on("ROUTINE"), lambda path: path[1], OBJECTS_AT_ONCE),
    RightKind.COLUMN: Form(
        "GRANT {words} {objects} TO {principals}",
        "REVOKE {words} {objects} FROM {principals} CASCADE",
        lambda path: f"({quoted(path[2])}) ON TABLE {_table_name(path)}",
    ),
    RightKind.FUTURE_SCHEMAS: Form(*_later("SCHEMAS"), _future),
    RightKind.FUTURE_TABLES: Form(*_later("TABLES"), _future),
    RightKind.FUTURE_SEQUENCES: Form(*_later("SEQUENCES"), _future),
    RightKind.FUTURE_ROUTINES: Form(*_later("ROUTINES"), _future),
}

READ = {
    **{
        (RightKind.TABLE, privilege.value): (privilege,)
        for privilege in Privilege
        if privilege.narrowest is Level.TABLE
    },
    (RightKind.OWNER, "OWNER"): (Privilege.ALL,),
    (RightKind.SCHEMA, "CREATE"): (
        Privilege.CREATE_TABLE,
        Privilege.CREATE_VIEW,
        Privilege.CREATE_PROCEDURE,
    ),
    (RightKind.DATABASE, "CONNECT"): (Privilege.CONNECT,),
    (RightKind.DATABASE, "CREATE"): (Privilege.CREATE_SCHEMA,),
    (RightKind.ROUTINE, "EXECUTE"): (Privilege.EXECUTE_PROCEDURE,),
}
"""What a right that is there says in Tenantry's words."""
