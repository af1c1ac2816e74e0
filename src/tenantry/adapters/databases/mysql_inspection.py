"""What there is on a server of the MySQL family, read from its tables of grants.

Ours and roles are called by their names, other users by ``name@host``. Blocking: called in the
connector's thread.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from tenantry.adapters.databases.mysql import COLUMNS, WORDS
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    PUBLIC,
    Catalogue,
    FoundPrincipal,
    FoundState,
    Right,
    RightKind,
)
from tenantry.databases.names import is_generated

Row = Mapping[str, Any]  # Any: columns have types of their own
Ask = Callable[..., list[Row]]

NOBODY = ("", "PUBLIC")
"""The users whose rights everybody has."""
_PARTS = frozenset({RightKind.TABLE, RightKind.COLUMN, RightKind.ROUTINE})
MARIADB = {
    "accounts": """
        select u.*, json_value(g.Priv, '$.account_locked') = 1 as locked
        from mysql.user u join mysql.global_priv g on g.User = u.User and g.Host = u.Host
    """,
    "members": "select Host, User, Role, Admin_option = 'Y' as admin from mysql.roles_mapping",
    "defaults": "select Host, User, default_role as Role from mysql.user where default_role > ''",
}
MYSQL = {
    "accounts": """
        select u.*, account_locked = 'Y' as locked,
            case when account_locked = 'Y' and exists
                (select 1 from mysql.role_edges e where e.FROM_USER = u.User) then 'Y' else 'N' end
                as is_role
        from mysql.user u
    """,
    "members": """
        select TO_HOST as Host, TO_USER as User, FROM_USER as Role,
            WITH_ADMIN_OPTION = 'Y' as admin from mysql.role_edges
    """,
    "defaults": """
        select HOST as Host, USER as User, DEFAULT_ROLE_USER as Role from mysql.default_roles
    """,
}
GRANTS = {
    "databases": "select * from mysql.db",
    "tables": "select Host, Db, User, Table_name, Table_priv from mysql.tables_priv",
    "columns": "select Host, Db, User, Table_name, Column_name, Column_priv"
    " from mysql.columns_priv",
    "routines": "select Host, Db, User, Routine_type, Routine_name, Proc_priv"
    " from mysql.procs_priv",
    # What one may do with a routine by having made it is not a grant.
    "makers": "select routine_schema as Db, routine_type as Routine_type,"
    " routine_name as Routine_name, definer from information_schema.routines",
}
TABLES = """
    select table_name as name from information_schema.tables where table_schema = database()
        and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
"""
COLUMNS_THERE = """
    select table_name as `table`, column_name as name from information_schema.columns
    where table_schema = database()
"""
ME = "select database() as name, current_user() as executor"


def inspect(
    ask: Ask, kind: DatabaseKind, scope: UUID, adopted: Iterable[str], *, everybody: bool = False
) -> FoundState:
    """What there is now. The tables of grants have no snapshot, and need none: each row stands."""
    queries = MYSQL if kind is DatabaseKind.MYSQL else MARIADB
    [me] = ask(ME)
    database, executor = str(me["name"]), str(me["executor"])
    accounts = ask(queries["accounts"])
    made = {row["User"] for row in accounts if is_generated(row["User"], scope)}
    theirs = set(adopted) - made
    ours = theirs | made
    named = [row for row in accounts if row["User"] not in NOBODY]
    principals = [_principal(row, ours) for row in named]
    members = list(_members(ask(queries["members"]), executor))
    defaults = list(_defaults(ask(queries["defaults"])))
    inside = [*_databases(ask(GRANTS["databases"])), *_parts(ask)]
    told = {
        right
        for right in (*_server(named), *members, *defaults, *inside)
        if everybody or right.principal in ours or _is_about(right, ours)
    }
    rights = {right for right in told if right.principal not in theirs or _is_here(right, database)}
    rights |= {r for r in inside if r.principal == PUBLIC and _is_here(r, database)}
    of_roles = (*members, *defaults)
    rights |= {r for r in of_roles if r.principal in theirs and r.path[0] in ours}
    rights |= set(_shadows(accounts, made))
    return FoundState(
        kind=kind,
        database=database,
        executor=_called(*executor.rsplit("@", 1)),
        executor_owns_all=True,
        principals={one.name: one for one in principals},
        rights=frozenset(rights),
        catalogue=Catalogue(
            tables={(database, str(row["name"])): "" for row in ask(TABLES)},
            columns=frozenset(
                (database, str(row["table"]), str(row["name"]))
                for row in (ask(COLUMNS_THERE) if theirs else ())
            ),
            routines=frozenset(
                (row["Db"], row["Routine_type"], row["Routine_name"])
                for row in ask(GRANTS["makers"])
            ),
        ),
    )


def _called(name: str, host: str) -> str:
    plain = host == "" or (host == "%" and is_generated(name))
    return name if plain else f"{name}@{host}"


def _principal(row: Row, ours: set[str]) -> FoundPrincipal:
    name = _called(row["User"], row["Host"])
    can_login = row["is_role"] != "Y" and not row["locked"]
    return FoundPrincipal(name, name in ours, can_login)


def _is_about(right: Right, ours: set[str]) -> bool:
    return right.kind is RightKind.MEMBER and right.path[0] in ours


def _is_here(right: Right, database: str) -> bool:
    """Whether it is on this database or in it: what an adopted account has elsewhere stays."""
    if right.kind is RightKind.DATABASE:
        return _like(database, right.path[0])
    return right.kind in _PARTS and right.path[0] == database


def _server(rows: Iterable[Row]) -> Iterator[Right]:
    """Rights on everything: as one, since they are only ever taken together."""
    for row in rows:
        name = _called(row["User"], row["Host"])
        flags = {column for column, value in row.items() if column.endswith("_priv")}
        held = {column for column in flags if row[column] == "Y"}
        if held - {"Grant_priv"}:
            yield Right(name, RightKind.SERVER, (), "ALL PRIVILEGES")
        if "Grant_priv" in held:
            yield Right(name, RightKind.SERVER, (), "GRANT OPTION")


def _databases(rows: Iterable[Row]) -> Iterator[Right]:
    for row in rows:
        name, said = _called(row["User"], row["Host"]), row["Db"]
        nobody = row["User"] in NOBODY
        grantor = row["Host"] if row["User"] == "" else ""
        for column, word in COLUMNS.items():
            if row.get(column) == "Y":
                yield Right(PUBLIC if nobody else name, RightKind.DATABASE, (said,), word, grantor)


def _like(name: str, pattern: str) -> bool:
    """Whether a database's name fits the pattern of a grant."""
    if not pattern:
        return not name
    if pattern[0] == "%":
        return any(_like(name[start:], pattern[1:]) for start in range(len(name) + 1))
    escaped = pattern[0] == "\\" and len(pattern) > 1
    letter, rest = (pattern[1], pattern[2:]) if escaped else (pattern[0], pattern[1:])
    fits = bool(name) and (name[0] == letter or (letter == "_" and not escaped))
    return fits and _like(name[1:], rest)


def _parts(ask: Ask) -> Iterator[Right]:
    made = {
        (row["definer"], row["Db"], row["Routine_type"], row["Routine_name"])
        for row in ask(GRANTS["makers"])
    }
    for row in ask(GRANTS["tables"]):
        yield from _set(row, RightKind.TABLE, (row["Table_name"],), row["Table_priv"])
    for row in ask(GRANTS["columns"]):
        path = (row["Table_name"], row["Column_name"])
        yield from _set(row, RightKind.COLUMN, path, row["Column_priv"])
    for row in ask(GRANTS["routines"]):
        path = (row["Routine_type"], row["Routine_name"])
        if (f"{row['User']}@{row['Host']}", row["Db"], *path) not in made:
            yield from _set(row, RightKind.ROUTINE, path, row["Proc_priv"])


def _set(row: Row, kind: RightKind, path: tuple[str, ...], words: str) -> Iterator[Right]:
    nobody = row["User"] in NOBODY
    name = PUBLIC if nobody else _called(row["User"], row["Host"])
    grantor = row["Host"] if row["User"] == "" else ""
    for word in filter(None, words.split(",")):
        said = WORDS.get(word, word.upper())
        yield Right(name, kind, (row["Db"], *path), said, grantor)


def _members(rows: Iterable[Row], executor: str) -> Iterator[Right]:
    for row in rows:
        if f"{row['User']}@{row['Host']}" == executor:
            continue
        name, path = _called(row["User"], row["Host"]), (row["Role"],)
        yield Right(name, RightKind.MEMBER, path, "MEMBER")
        if row["admin"]:
            yield Right(name, RightKind.MEMBER, path, "ADMIN OPTION FOR MEMBER")


def _defaults(rows: Iterable[Row]) -> Iterator[Right]:
    for row in rows:
        name = _called(row["User"], row["Host"])
        yield Right(name, RightKind.DEFAULT_ROLE, (row["Role"],), "DEFAULT")


def _shadows(rows: Iterable[Row], made: set[str]) -> Iterator[Right]:
    """Accounts with a name that we have made up, found first by who logs in from some place."""
    for row in rows:
        if row["User"] in made and row["Host"] not in ("%", ""):
            path = (row["User"], row["Host"])
            yield Right(row["User"], RightKind.ATTRIBUTE, path, "SHADOW")
