"""The shop on MariaDB."""

import asyncio
from typing import Any, Self
from uuid import UUID, uuid4

import pymysql
from pymysql.cursors import DictCursor

from tenantry.adapters.databases.mysql_connector import MysqlConnector, lock_of
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.errors import PermissionError
from tenantry.privileges.model import DatabaseObject, Privilege, object_named
from tenantry.testing.mariadb import SUPERUSER, EmbeddedMariaDB
from tests.connectors.worlds import Cast

SHOP = (
    "create table goods (id int auto_increment primary key, name text, price decimal(9, 2))",
    "create table orders (id int auto_increment primary key, good int, amount int)",
    "create view totals as select good, sum(amount) from orders group by good",
    "create procedure forget() sql security invoker delete from orders where amount = 0",
    "create function twice(n int) returns int deterministic return 2 * n",
    "insert into goods (name, price) values ('apple', 1), ('pear', 2)",
)
TRIALS = {
    Privilege.SELECT: "select * from `{0}` limit 0",
    Privilege.INSERT: "insert into `{0}` () values ()",
    Privilege.UPDATE: "update `{0}` set {1} = null where false",
    Privilege.DELETE: "delete from `{0}` where false",
    Privilege.TRUNCATE: "truncate `{0}`",
    Privilege.CREATE_TABLE: "create table `fresh_{2}` (i int)",
    Privilege.DROP_TABLE: "drop table `{0}`",
    Privilege.ALTER_TABLE: "alter table `{0}` comment = 'x'",
    Privilege.CREATE_INDEX: "create index i_{2} on `{0}` (id)",
    Privilege.CREATE_VIEW: "create view view_{2} as select 1",
    Privilege.EXECUTE_PROCEDURE: "select twice(1)",
}
REFUSED = frozenset({1044, 1045, 1142, 1143, 1227, 1370})


class MariaLine:
    """A connection to the shop."""

    def __init__(self, connection: "pymysql.Connection[Any]", database: str) -> None:
        self._connection = connection
        self._database = database

    def _run(self, sql: str) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    async def may(self, privilege: Privilege, place: DatabaseObject) -> bool:
        column = "name" if place.table == "goods" else "good"
        sql = TRIALS[privilege].format(place.table, column, uuid4().hex[:8])
        try:
            # Rights on a database hold for a session from its next USE on.
            await asyncio.to_thread(self._run, f"use `{self._database}`")
            await asyncio.to_thread(self._run, sql)
        except pymysql.MySQLError as error:
            if error.args[0] not in REFUSED:
                raise
            return False
        finally:
            await asyncio.to_thread(self._connection.rollback)
        return True

    async def ask(self, sql: str) -> Any:
        return await asyncio.to_thread(self._run, sql)

    async def is_open(self) -> bool:
        try:
            await self.ask("select 1")
        except (pymysql.MySQLError, OSError):
            return False
        return True

    async def close(self) -> None:
        if self._connection.open:
            await asyncio.to_thread(self._connection.close)


class MariaShop:
    """A database of its own on the shared server, whose name has letters that are patterns."""

    kind = DatabaseKind.MARIADB
    tried = (Privilege.SELECT, Privilege.INSERT, Privilege.UPDATE, Privilege.DELETE)

    def __init__(self, server: EmbeddedMariaDB) -> None:
        self.server = server
        self.database = f"shop_{uuid4().hex[:12]}"
        self._boss = pymysql.connect(
            unix_socket=str(server.socket), user=SUPERUSER, autocommit=True
        )
        self.before = self.accounts()
        self._ask(f"create database `{self.database}`")
        self._boss.select_db(self.database)
        for statement in SHOP:
            self._ask(statement)
        self.address = Address(str(server.socket), None, self.database, SUPERUSER)
        self.connector = MysqlConnector(DatabaseKind.MARIADB, self.address, None)
        self.tables = [
            object_named(self.database, "public", "goods"),
            object_named(self.database, "public", "orders"),
        ]

    def _ask(self, sql: str) -> Any:
        with self._boss.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def accounts(self) -> set[tuple[str, str, str]]:
        """All users and roles on the server."""
        return set(self._ask("select User, Host, is_role from mysql.user where User <> 'PUBLIC'"))

    @classmethod
    async def opened(cls, server: EmbeddedMariaDB) -> Self:
        """Make the database and what is in it."""
        return await asyncio.to_thread(cls, server)

    async def removed(self) -> None:
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        self._ask(f"drop database `{self.database}`")
        for name, host, is_role in self.accounts() - self.before:
            quoted = name.replace("`", "``")
            account = f"role `{quoted}`" if is_role == "Y" else f"user `{quoted}`@`{host}`"
            self._ask(f"drop {account}")
        self._boss.close()

    async def run(self, *statements: str) -> None:
        for statement in statements:
            await asyncio.to_thread(self._ask, statement)

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """What the owner reads."""
        with self._boss.cursor(DictCursor) as cursor:
            await asyncio.to_thread(cursor.execute, sql)
            return list(cursor.fetchall())

    async def log_in(self, name: str, password: str) -> MariaLine:
        try:
            connection: pymysql.Connection[Any] = await asyncio.to_thread(
                lambda: pymysql.connect(
                    unix_socket=str(self.server.socket), user=name, password=password
                )
            )
        except pymysql.MySQLError as error:
            raise PermissionError(str(error)) from error
        return MariaLine(connection, self.database)

    async def log_statements(self) -> None:
        """Have the server write down what it is told from now on."""
        await self.run("set global log_output = 'TABLE'", "set global general_log = 1")

    async def logged_statements(self) -> str:
        """What it has written down until now."""
        await self.run("set global general_log = 0")
        rows = await self.rows(
            "select convert(argument using utf8mb4) as said from mysql.general_log"
        )
        return "\n".join(row["said"] for row in rows)

    def lock_statement(self, scope: UUID) -> str:
        """What takes the lock of the plans of a scope, for as long as the owner is connected."""
        return f"select get_lock('{lock_of(scope)}', 0)"

    def cast(self) -> Cast:
        return Cast(self.database, self.tables)
