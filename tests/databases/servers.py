"""A database on a real PostgreSQL for the tests: two tables, and an executor with few rights."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import UUID

import asyncpg

from tenantry.adapters.postgres.embedded import PORT, SUPERUSER, EmbeddedPostgres
from tenantry.databases.names import marker


@dataclass(frozen=True)
class Shop:
    """The database ``shop...`` with tables orders and people, which its executor owns."""

    server: EmbeddedPostgres
    name: str
    executor: str
    scopes: list[UUID] = field(default_factory=list)
    """The ids under which it was managed."""

    @property
    def dsn(self) -> str:
        """Its address, as one gives it to Tenantry."""
        folder = quote(str(self.server.socket_folder), safe="")
        return f"postgresql://{self.executor}@:{PORT}/{self.name}?host={folder}"

    async def connect(self, user: str = SUPERUSER, password: str = "") -> asyncpg.Connection:
        """A connection of one's own."""
        return await asyncpg.connect(
            host=str(self.server.socket_folder),
            port=PORT,
            user=user,
            password=password or None,
            database=self.name,
        )

    async def may(self, user: str, statement: str) -> bool:
        """Whether the user may run the statement, tried on the server and undone."""
        connection = await self.connect(user)
        try:
            async with connection.transaction():
                await connection.execute(statement)
                raise _Undone
        except _Undone:
            return True
        except asyncpg.InsufficientPrivilegeError:
            return False
        finally:
            await connection.close()


class _Undone(Exception):
    pass


_MADE = """
    select r.rolname from pg_roles r
    join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
    where d.description = $1
"""


@asynccontextmanager
async def shop_on(server: EmbeddedPostgres, name: str) -> AsyncIterator[Shop]:
    """Make the database, and remove it with all that Tenantry made for it."""
    shop = Shop(server, name, f"{name}_keeper")
    root = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    try:
        await root.execute(f"drop database if exists {name} with (force)")
        await root.execute(f"drop role if exists {shop.executor}")
        await root.execute(f"create role {shop.executor} login createrole")
        await root.execute(f"create database {name} owner {shop.executor}")
        keeper = await shop.connect(shop.executor)
        await keeper.execute("create table orders (id int primary key, total int)")
        await keeper.execute("create table people (id int primary key, name text)")
        await keeper.close()
        yield shop
    finally:
        await root.execute(f"drop database if exists {name} with (force)")
        for scope in shop.scopes:
            made = await root.fetch(_MADE, marker(scope))
            for (role,) in made:
                await root.execute(f'drop role "{role}"')
        await root.execute(f"drop role if exists {shop.executor}")
        await root.close()
