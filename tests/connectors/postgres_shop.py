"""The shop on PostgreSQL."""

import asyncio
from typing import Self
from uuid import UUID, uuid4

import asyncpg

from tenantry.adapters.databases.postgresql_connector import PostgresConnector, lock_of
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.names import is_generated
from tenantry.errors import PermissionError
from tenantry.privileges.model import DatabaseObject, Privilege, object_named
from tests.connectors.worlds import Cast

SHOP = """
    create table public.goods (id serial primary key, name text, price numeric);
    create schema sales;
    create table sales.orders (id int generated always as identity, good int, amount int);
    create view sales.totals as select good, sum(amount) from sales.orders group by good;
    create sequence sales.numbers;
    create function public.twice(n int) returns int language sql as 'select 2 * n';
    create procedure sales.forget() language sql as 'delete from sales.orders where amount = 0';
    insert into public.goods (name, price) values ('apple', 1), ('pear', 2);
"""
TRIALS = {
    Privilege.SELECT: "select * from {0} limit 0",
    Privilege.INSERT: "insert into {0} default values",
    Privilege.UPDATE: "update {0} set {1} = null where false",
    Privilege.DELETE: "delete from {0} where false",
    Privilege.TRUNCATE: "truncate {0}",
    Privilege.CREATE_TABLE: "create table {2}.fresh_{3} (i int)",
    Privilege.DROP_TABLE: "drop table {0} cascade",
    Privilege.ALTER_TABLE: "alter table {0} add column more int",
    Privilege.CREATE_INDEX: "create index on {0} ({1})",
    Privilege.EXECUTE_PROCEDURE: "select public.twice(1)",
}


PATTERN = "/^tn_"
PATTERNS_SINCE = 16


async def ask_password(server: EmbeddedPostgres, name: str) -> None:
    """Have this managed login show a password: all, where names may be patterns; nobody else."""
    access = server.folder / "access.conf"
    boss = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    if boss.get_server_version().major >= PATTERNS_SINCE:
        name = PATTERN
    line = f"local all {name} scram-sha-256\n"
    lines = access.read_text()
    if line not in lines:
        access.write_text(line + lines)
        before = await boss.fetchval("select pg_conf_load_time() from pg_reload_conf()")
        while True:
            fresh = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
            loaded = await fresh.fetchval("select pg_conf_load_time()")
            await fresh.close()
            if loaded > before:
                break
    await boss.close()


class PostgresLine:
    """A connection to the shop."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def may(self, privilege: Privilege, place: DatabaseObject) -> bool:
        column = "name" if place.table == "goods" else "good"
        name = f"{place.schema}.{place.table}"
        sql = TRIALS[privilege].format(name, column, place.schema, uuid4().hex[:8])
        block = self.connection.transaction()
        await block.start()
        try:
            await self.connection.execute(sql)
        except asyncpg.InsufficientPrivilegeError:
            return False
        finally:
            await block.rollback()
        return True

    async def is_open(self) -> bool:
        try:
            await self.connection.execute("select 1")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False
        return True

    async def close(self) -> None:
        self.connection.terminate()


class PostgresShop:
    """A database of its own on the shared server."""

    kind = DatabaseKind.POSTGRESQL
    tried = (
        Privilege.SELECT,
        Privilege.INSERT,
        Privilege.UPDATE,
        Privilege.DELETE,
        Privilege.TRUNCATE,
    )

    def __init__(self, server: EmbeddedPostgres, database: str, owner: asyncpg.Connection) -> None:
        self.server = server
        self.database = database
        self.owner = owner
        self.before: set[str] = set()
        self.address = Address(str(server.socket_folder), 5432, database, SUPERUSER)
        self.connector = PostgresConnector(self.address, None)
        self.tables = [
            object_named(database, "public", "goods"),
            object_named(database, "sales", "orders"),
            object_named(database, "sales", "totals"),
        ]

    @classmethod
    async def opened(cls, server: EmbeddedPostgres) -> Self:
        """Make the database and what is in it."""
        database = f"shop_{uuid4().hex[:12]}"
        boss = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
        await boss.execute(f"create database {database}")
        before = {row[0] for row in await boss.fetch("select rolname from pg_roles")}
        await boss.close()
        owner = await asyncpg.connect(server.dsn(SUPERUSER, database))
        shop = cls(server, database, owner)
        shop.before = before
        await owner.execute(SHOP)
        return shop

    async def removed(self) -> None:
        """Leave nothing of it on the server."""
        await self.owner.close()
        boss = await asyncpg.connect(self.server.dsn(SUPERUSER, "postgres"))
        await boss.execute(f"drop database {self.database} with (force)")
        for row in await boss.fetch("select rolname from pg_roles"):
            if row[0] not in self.before:
                name = row[0].replace('"', '""')
                await boss.execute(f'drop owned by "{name}"; drop role "{name}"')
        await boss.close()

    async def run(self, *statements: str) -> None:
        for statement in statements:
            await self.owner.execute(statement)

    async def log_in(self, name: str, password: str) -> PostgresLine:
        if is_generated(name):
            await ask_password(self.server, name)
        try:
            connection = await asyncpg.connect(
                host=str(self.server.socket_folder),
                user=name,
                database=self.database,
                password=password,
            )
        except asyncpg.PostgresError as error:
            raise PermissionError(str(error)) from error
        return PostgresLine(connection)

    async def log_statements(self) -> None:
        """Have the server write down what it is told in this database from now on."""
        await self.run(f"alter database {self.database} set log_statement to 'all'")

    async def logged_statements(self) -> str:
        """What it has written down."""
        return await asyncio.to_thread(self.server.log.read_text, errors="replace")

    def lock_statement(self, scope: UUID) -> str:
        """What takes the lock of the plans of a scope, for as long as the owner is connected."""
        return f"select pg_advisory_lock({lock_of(scope)})"

    def cast(self) -> Cast:
        return Cast(self.database, self.tables)
