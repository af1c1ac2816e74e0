"""A managed database on MatrixOne. Made after its documentation and not proven on a live server.

It speaks the protocol of the MySQL family; what there is stands in the tables of ``mo_catalog``.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from tenantry.adapters.databases.matrixone import WHOLE
from tenantry.adapters.databases.matrixone_dialect import MatrixOneDialect
from tenantry.adapters.databases.mysql_connector import NOBODY, MysqlConnector
from tenantry.adapters.databases.mysql_inspection import Row
from tenantry.adapters.databases.mysql_session import Session
from tenantry.adapters.databases.quoting import mysql_object
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import Catalogue, FoundPrincipal, FoundState, Right, RightKind
from tenantry.databases.names import is_generated, require_ascii, require_identifier
from tenantry.databases.ports import Dialect, ServerCheck

QUERIES = {
    "users": "select user_name as name, status from mo_catalog.mo_user",
    "roles": "select role_name as name from mo_catalog.mo_role",
    "members": """
        select u.user_name as member, r.role_name as role
        from mo_catalog.mo_user_grant g
        join mo_catalog.mo_user u on u.user_id = g.user_id
        join mo_catalog.mo_role r on r.role_id = g.role_id
    """,
    "inherited": """
        select e.role_name as member, r.role_name as role
        from mo_catalog.mo_role_grant g
        join mo_catalog.mo_role e on e.role_id = g.grantee_id
        join mo_catalog.mo_role r on r.role_id = g.granted_id
    """,
    "rights": """
        select p.role_name as name, p.obj_type, p.privilege_name as word,
            p.privilege_level as level, d.datname as base, t.relname as tab,
            t.reldatabase as tab_base
        from mo_catalog.mo_role_privs p
        left join mo_catalog.mo_database d on d.dat_id = p.obj_id
        left join mo_catalog.mo_tables t on t.rel_id = p.obj_id
    """,
    "tables": """
        select relname as name from mo_catalog.mo_tables
        where reldatabase = database() and relkind in ('r', 'v')
    """,
}
BY_HAND = "forbid"
"""The status of a user whom somebody has locked; the automatic lock is another, and passes."""
EVERYBODY = "public"
"""The role that each user has and nobody can take."""


class MatrixOneConnector(MysqlConnector):
    """One managed database on a server of MatrixOne."""

    port = 6001

    @property
    def dialect(self) -> Dialect:
        return MatrixOneDialect()

    def _inspected(self, session: Session, scope: UUID, adopted: Sequence[str]) -> FoundState:
        return inspect(session, scope, adopted, everybody=False)

    def _surveyed(self, session: Session) -> FoundState:
        return inspect(session, NOBODY, (), everybody=True)

    def _checked(self, session: Session) -> ServerCheck:
        [row] = session.ask("select version() as version, current_user() as executor")
        return ServerCheck(f"matrixone {row['version']}", row["executor"], proven=False)

    def _opening(self, name: str, password: str) -> list[str]:
        """The one server that has to be told the password itself; one change a statement."""
        user = mysql_object(require_identifier(name))
        text = require_ascii(password).decode().replace("\\", "\\\\").replace("'", "''")
        return [f"ALTER USER {user} IDENTIFIED BY '{text}'", f"ALTER USER {user} UNLOCK"]

    def _take_turn(self, session: Session, scope: UUID) -> None:
        """It has no locks by name; the steps can be repeated, and meet as statements do."""

    def _names(self, session: Session) -> set[str]:
        return {row["name"] for query in ("users", "roles") for row in session.ask(QUERIES[query])}

    def _connections(self, session: Session, users: Collection[str]) -> dict[int, str]:
        rows = session.ask("show processlist")
        return {int(row["conn_id"]): row["user"] for row in rows if row["user"] in users}


def inspect(
    session: Session, scope: UUID, adopted: Sequence[str], *, everybody: bool
) -> FoundState:
    """What there is now."""
    [me] = session.ask("select database() as name, current_user() as executor")
    database = str(me["name"])
    users = session.ask(QUERIES["users"])
    roles = session.ask(QUERIES["roles"])
    names = [row["name"] for row in (*users, *roles)]
    ours = {name for name in names if is_generated(name, scope)} | set(adopted)
    members = [*session.ask(QUERIES["members"]), *session.ask(QUERIES["inherited"])]
    rights = {
        *(_member(row) for row in members if row["role"] != EVERYBODY),
        *(_right(row) for row in session.ask(QUERIES["rights"]) if row["name"] != EVERYBODY),
    }
    told = {
        right
        for right in rights
        if everybody
        or right.principal in ours
        or (right.kind is RightKind.MEMBER and right.path[0] in ours)
    }
    lettable = {row["name"] for row in users if row["status"] != BY_HAND}
    tables = session.ask(QUERIES["tables"])
    return FoundState(
        kind=DatabaseKind.MATRIXONE,
        database=database,
        executor=str(me["executor"]).partition("@")[0],
        executor_owns_all=True,
        principals={name: FoundPrincipal(name, name in ours, name in lettable) for name in names},
        rights=frozenset(told),
        catalogue=Catalogue(tables={(database, str(row["name"])): "" for row in tables}),
    )


def _member(row: Row) -> Right:
    return Right(row["member"], RightKind.MEMBER, (row["role"],), "MEMBER")


def _right(row: Row) -> Right:
    """A level such as ``d.t`` says whether the number is a table's or a database's."""
    word, level = str(row["word"]).upper(), row["level"]
    if row["obj_type"] == "account":
        return Right(row["name"], RightKind.SERVER, (), word)
    if row["obj_type"] == "database":
        return Right(row["name"], RightKind.DATABASE, (row["base"] or WHOLE,), word)
    if level in ("d.t", "t"):
        return Right(row["name"], RightKind.TABLE, (row["tab_base"], row["tab"]), word)
    return Right(row["name"], RightKind.TABLE, (row["base"] or WHOLE, WHOLE), word)
