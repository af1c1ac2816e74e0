"""A managed database on MariaDB or MySQL, through PyMySQL in a thread."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import pymysql

from tenantry.adapters.databases.mysql_dialect import MysqlDialect
from tenantry.adapters.databases.mysql_inspection import inspect
from tenantry.adapters.databases.mysql_session import Session, Sessions
from tenantry.adapters.databases.quoting import mysql_grantee
from tenantry.adapters.databases.quoting import mysql_object as quoted
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import FoundState, Plan, Step
from tenantry.databases.names import is_generated, not_made, require_ascii
from tenantry.databases.ports import Dialect, Progress, ServerCheck
from tenantry.errors import ConnectionError, StateConflict
from tenantry.jobs.failpoints import failpoint

STEPS_AT_ONCE = 50
"""How many statements the thread runs before it tells how far it is."""
NO_SUCH_THREAD = 1094
NOBODY = UUID(int=0)


class MysqlConnector:
    """One managed database on a server of MariaDB or MySQL."""

    port = 3306

    def __init__(
        self,
        kind: DatabaseKind,
        address: Address,
        password: str | None,
        *,
        deadline: float = 30.0,
        apply_deadline: float = 600.0,
    ) -> None:
        self._kind = kind
        self._deadline = deadline
        self._apply_deadline = apply_deadline
        self._sessions = Sessions(address, password, self.port, deadline)

    @property
    def dialect(self) -> Dialect:
        return MysqlDialect(self._kind)

    async def check(self) -> ServerCheck:
        return await self._sessions.run(self._checked)

    async def inspect(self, scope: UUID, adopted: Sequence[str] = ()) -> FoundState:
        return await self._sessions.run(lambda s: self._inspected(s, scope, adopted))

    async def survey(self) -> FoundState:
        return await self._sessions.run(self._surveyed)

    async def apply(
        self, scope: UUID, plan: Plan, progress: Progress | None = None
    ) -> Mapping[str, int]:
        loop = asyncio.get_running_loop()

        def done(steps: Sequence[Step]) -> None:
            async def tell() -> None:
                for step in steps:
                    if progress is not None:
                        await progress(step)

            asyncio.run_coroutine_threadsafe(tell(), loop).result(self._deadline)

        return await self._sessions.run(
            lambda s: self._applied(s, scope, plan, done), self._apply_deadline
        )

    async def terminate(self, names: Sequence[str]) -> int:
        return await self._sessions.run(lambda s: self._ended(s, names).total())

    async def open_login(
        self, scope: UUID, name: str, password: str, valid_until: datetime
    ) -> None:
        statements = self._opening(name, password)

        def run(session: Session) -> None:
            if not self._is_ours(session, scope, name):
                raise StateConflict(f"there is no {name} there")
            for statement in statements:
                session.ask(statement)

        await self._sessions.run(run)

    async def close_login(self, scope: UUID, name: str) -> int:
        def run(session: Session) -> int:
            if not self._is_ours(session, scope, name):
                return 0
            session.ask(self.dialect.lock(name))
            return self._ended(session, [name]).total()

        return await self._sessions.run(run)

    def _opening(self, name: str, password: str) -> list[str]:
        """The password in the form in which the server keeps it, so that no statement holds it."""
        inner = hashlib.sha1(require_ascii(password)).digest()  # noqa: S324 - the server's form
        stored = "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324 - as above
        word = "WITH mysql_native_password AS" if self._is_mysql else _VIA
        return [f"ALTER USER {mysql_grantee(name)} IDENTIFIED {word} '{stored}' ACCOUNT UNLOCK"]

    @property
    def _is_mysql(self) -> bool:
        return self._kind is DatabaseKind.MYSQL

    def _inspected(self, session: Session, scope: UUID, adopted: Sequence[str]) -> FoundState:
        return inspect(session.ask, self._kind, scope, adopted)

    def _surveyed(self, session: Session) -> FoundState:
        return inspect(session.ask, self._kind, NOBODY, (), everybody=True)

    def _checked(self, session: Session) -> ServerCheck:
        [row] = session.ask("select version() as version, current_user() as executor")
        name, _, host = row["executor"].rpartition("@")
        held = session.ask(_HELD, *[f"'{name}'@'{host}'"] * 3)
        words = {one["word"] for one in held}
        needed = _LACKS if self._is_mysql else _LACKS | _MARIADB_LACKS
        lacks = [text for word, text in needed.items() if not words & set(word.split("|"))]
        if not any(one["passes"] for one in held):
            lacks.append("cannot pass its rights on: give it WITH GRANT OPTION")
        if session.ask("select 1 from mysql.user where User = ''"):
            lacks.append("is beside an account without a name, which is found before many of ours")
        if not self._is_mysql and words & {"SELECT", "mysql.SELECT"}:
            lacks += _not_administered(session, name, host)
        version = f"{self._kind} {row['version']}"
        return ServerCheck(version, row["executor"], tuple(lacks), proven=not self._is_mysql)

    def _applied(
        self, session: Session, scope: UUID, plan: Plan, done: Callable[[Sequence[Step]], None]
    ) -> Counter[str]:
        self._take_turn(session, scope)
        there = self._names(session)
        steps = [
            step
            for step in plan.steps
            if step.creates not in there and (step.drops is None or step.drops in there)
        ]
        ended = self._ended(session, plan.ends)
        for number in range(0, len(steps), STEPS_AT_ONCE):
            batch = steps[number : number + STEPS_AT_ONCE]
            for step in batch:
                session.ask(step.statement)
                failpoint("databases.apply.step")
            ended += self._ended(session, sorted({name for step in batch for name in step.ends}))
            done(batch)
        return ended

    def _take_turn(self, session: Session, scope: UUID) -> None:
        [row] = session.ask("select get_lock(%s, %s) as got", lock_of(scope), self._deadline)
        if not row["got"]:
            raise ConnectionError("Another plan is being applied.")

    def _names(self, session: Session) -> set[str]:
        return {row["User"] for row in session.ask("select User from mysql.user")}

    def _connections(self, session: Session, users: Collection[str]) -> dict[int, str]:
        places = ", ".join(["%s"] * len(users))
        rows = session.ask(f"{_CONNECTIONS} and user in ({places})", *users)
        return {int(row["id"]): row["user"] for row in rows}

    def _ended(self, session: Session, names: Sequence[str]) -> Counter[str]:
        """End all connections of these; how many each had."""
        users = {name.rpartition("@")[0] or name: name for name in names}
        ended: dict[int, str] = {}
        limit = time.monotonic() + self._deadline
        while users and (found := self._connections(session, users)):
            if time.monotonic() > limit:
                raise ConnectionError("Connections do not end.")
            for number, user in found.items():
                ended[number] = users[user]
                try:
                    session.ask(f"KILL CONNECTION {number}")
                except pymysql.MySQLError as error:
                    if error.args[0] != NO_SUCH_THREAD:
                        raise
            time.sleep(0.01)
        return Counter(ended.values())

    def _is_ours(self, session: Session, scope: UUID, name: str) -> bool:
        """Whether we have made it; False where it is not there, StateConflict for any other."""
        if not is_generated(name, scope):
            raise not_made(name)
        return name in self._names(session)


def lock_of(scope: UUID) -> str:
    """The name of the lock under which the plans of a scope run."""
    return "tenantry_" + hashlib.blake2s(scope.bytes, digest_size=8).hexdigest()


_VIA = "VIA mysql_native_password USING"
_CONNECTIONS = "select id, user from information_schema.processlist where id <> connection_id()"
_ROLES_OF_OTHERS = """
    select User as role from mysql.user u where is_role = 'Y' and not exists (
        select 1 from mysql.roles_mapping m where m.Role = u.User and m.Admin_option = 'Y'
            and m.User = %s and m.Host = %s)
    order by User
"""


def _not_administered(session: Session, name: str, host: str) -> list[str]:
    """The roles that could not be adopted: who makes one administers it, and nobody else."""
    roles = [row["role"] for row in session.ask(_ROLES_OF_OTHERS, name, host)]
    theirs = [quoted(role) for role in roles if not is_generated(role)]
    more = f" and {len(theirs) - 3} more" if len(theirs) > 3 else ""
    said = f"cannot pass on {', '.join(theirs[:3])}{more}, so that they cannot be adopted"
    return [f"{said}: give it these roles WITH ADMIN OPTION"] if theirs else []


_HELD = """
    select privilege_type as word, is_grantable = 'YES' as passes
    from information_schema.user_privileges where grantee = %s
    union all
    select concat('mysql.', privilege_type), false from information_schema.schema_privileges
    where grantee = %s and table_schema = 'mysql'
    union all
    select 'database', is_grantable = 'YES' from information_schema.schema_privileges
    where grantee = %s and database() like table_schema
"""
_LACKS = {
    "CREATE USER|CREATE_USER": "cannot make users and roles: give it CREATE USER",
    "SUPER|CONNECTION ADMIN|CONNECTION_ADMIN": "cannot end the connections of others: give it"
    " CONNECTION ADMIN",
    "PROCESS": "cannot see the connections of others: give it PROCESS",
    "SELECT|mysql.SELECT": "cannot read the tables of grants: give it SELECT on mysql.*",
}
_MARIADB_LACKS = {
    "UPDATE|mysql.UPDATE": "cannot say which role is active after a login: give it UPDATE on"
    " mysql.*",
}
