"""Real servers with a small shop on each, and what is known of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from tenantry.adapters.databases.postgresql_connector import PostgresConnector
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.databases.address import Address
from tenantry.privileges.model import object_named
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


class PostgresShop:
    """A shop on PostgreSQL, the connector to it, and its owner's connection."""

    def __init__(self, server: EmbeddedPostgres, database: str, owner: asyncpg.Connection) -> None:
        self.server = server
        self.database = database
        self.owner = owner
        self.address = Address(str(server.socket_folder), 5432, database, SUPERUSER)
        self.connector = PostgresConnector(self.address, None)
        self.tables = [
            object_named(database, "public", "goods"),
            object_named(database, "sales", "orders"),
            object_named(database, "sales", "totals"),
        ]

    def cast(self) -> Cast:
        return Cast(self.database, self.tables)

    async def connect(self, name: str, password: str = "") -> asyncpg.Connection:
        return await asyncpg.connect(
            host=str(self.server.socket_folder),
            user=name,
            database=self.database,
            password=password or None,
        )


@asynccontextmanager
async def postgres_shop(server: EmbeddedPostgres) -> AsyncIterator[PostgresShop]:
    """A shop in a database of its own; afterwards nothing of it is left on the server."""
    database = f"shop_{uuid4().hex[:12]}"
    boss = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    before = {row[0] for row in await boss.fetch("select rolname from pg_roles")}
    await boss.execute(f"create database {database}")
    owner = await asyncpg.connect(server.dsn(SUPERUSER, database))
    try:
        await owner.execute(SHOP)
        yield PostgresShop(server, database, owner)
    finally:
        await owner.close()
        await boss.execute(f"drop database {database} with (force)")
        for row in await boss.fetch("select rolname from pg_roles"):
            if row[0] not in before:
                await boss.execute(f'drop owned by "{row[0]}"; drop role "{row[0]}"')
        await boss.close()


@pytest.fixture
async def shop(postgres: EmbeddedPostgres) -> AsyncIterator[PostgresShop]:
    async with postgres_shop(postgres) as found:
        yield found
