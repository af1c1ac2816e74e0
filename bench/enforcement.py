"""From the commit of a grant, or of its end, to the moment when the server does it.

The whole system runs as it does in service and manages a PostgreSQL and a MariaDB. Grants and
revocations come one after the other; a statement on the server looks every few milliseconds. The
reference is a bare GRANT or REVOKE on the same server, looked at in the same way.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import asyncpg
import pymysql
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, judged
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.app import App, open_app
from tenantry.databases.actions import AddDatabaseAction
from tenantry.databases.enforcing_actions import ApplyDatabaseAction
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import PrincipalKind
from tenantry.databases.names import generated_name
from tenantry.grants.actions import GiveAction, RevokeAction
from tenantry.settings import Settings
from tenantry.testing.mariadb import EmbeddedMariaDB
from tenantry.testing.users import make_user

TITLE = (
    "enforcement: from a committed grant or revocation to the server's doing it, over bare GRANT"
)
MANY, FEW = 200, 10
GOAL = "p95 1 s"
PASSWORD = "a sound passphrase of the bench"
PATIENCE = 30.0
PAUSE = 0.002

TABLES = ("create table goods (i int)", "create table others (i int)")

Say = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True)
class Server:
    """A server with a table, and what asks on it who may read that: for a name, yes or nothing."""

    kind: DatabaseKind
    socket: str
    """The folder that the settings must allow."""
    dsn: str
    say: Say
    has: str


async def measure(folder: Path, effort: Effort, console: Console) -> list[Result]:
    """All of it on PostgreSQL, then on MariaDB."""
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        servers = [await postgresql(folder, stack), mariadb(folder, stack)]
        settings = Settings(
            data_dir=folder / "data",
            port=0,
            admin_password=PASSWORD,
            managed_hosts=tuple(server.socket for server in servers),
        )
        app = await stack.enter_async_context(open_app(settings))
        ada = await make_user(app, "ada")
        for server in servers:
            console.print(f"{server.kind.value}: grants and revocations", style="dim")
            results += await on_server(app, server, ada.id, FEW if effort.quick else MANY)
    return results


async def on_server(app: App, server: Server, user_id: UUID, times: int) -> list[Result]:
    """The contestants on one server; each round is one grant and its end, bare and by Tenantry."""
    name = await prepared(app, server, user_id)
    reference = Contestant(f"{server.kind.value}: bare GRANT or REVOKE, until it is seen")
    grant = Contestant("a grant, from its commit", goal=GOAL)
    revoke = Contestant("a revocation, from its commit", goal=GOAL)
    said = {"principal": "ada", "permissions": ["SELECT"], "database": server.kind.value}
    for _ in range(times):
        began = time.perf_counter()
        await server.say("grant select on goods to bare")
        await until(server, "bare", expected=True)
        halfway = time.perf_counter()
        await server.say("revoke select on goods from bare")
        await until(server, "bare", expected=False)
        reference.by_round.append([halfway - began, time.perf_counter() - halfway])
        give = GiveAction(**said, table="goods")  # type: ignore[arg-type]  # of two types
        await app.grants.give.wait_for_complete(give)
        grant.by_round.append([await until(server, name, expected=True)])
        take = RevokeAction(**said, table="goods")  # type: ignore[arg-type]  # as above
        await app.grants.revoke.wait_for_complete(take)
        revoke.by_round.append([await until(server, name, expected=False)])
    return judged([reference, grant, revoke])


async def prepared(app: App, server: Server, user_id: UUID) -> str:
    """Have the server managed, with one who may read another table; that one's name there."""
    database = server.kind.value
    add = AddDatabaseAction(database, dsn=server.dsn, kind=server.kind)
    managed = (await app.databases.add_database.wait_for_complete(add)).data
    other = GiveAction(principal="ada", permissions=["SELECT"], database=database, table="others")
    await app.grants.give.wait_for_complete(other)
    await app.databases.apply_database.wait_for_complete(ApplyDatabaseAction(database))
    return generated_name(managed.id, PrincipalKind.USER, user_id)


async def until(server: Server, name: str, *, expected: bool) -> float:
    """The seconds until the server says so."""
    began = time.perf_counter()
    while await server.say(server.has.format(name)) is not expected:
        if time.perf_counter() - began > PATIENCE:
            raise AssertionError(f"{server.kind} has not followed")
        await asyncio.sleep(PAUSE)
    return time.perf_counter() - began


async def postgresql(folder: Path, stack: AsyncExitStack) -> Server:
    """PostgreSQL with two tables, durable as in service."""
    server = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
    boss = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    stack.push_async_callback(boss.close)
    for statement in (*TABLES, "create role bare"):
        await boss.execute(statement)

    async def say(statement: str) -> bool:
        return bool(await boss.fetchval(statement))

    folder_of = str(server.socket_folder)
    return Server(
        DatabaseKind.POSTGRESQL,
        folder_of,
        f"postgresql://{SUPERUSER}@:5432/postgres?host={quote(folder_of, safe='')}",
        say,
        "select has_table_privilege('{}', 'goods', 'select')",
    )


def mariadb(folder: Path, stack: AsyncExitStack) -> Server:
    """MariaDB with two tables."""
    server = stack.enter_context(EmbeddedMariaDB(folder / "mariadb"))
    boss = pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True)
    stack.callback(boss.close)
    cursor = boss.cursor()
    cursor.execute("create database shop")
    boss.select_db("shop")
    for statement in (*TABLES, "create user bare"):
        cursor.execute(statement)

    async def say(statement: str) -> bool:
        cursor.execute(statement)
        return any("`goods`" in row[0] for row in cursor.fetchall())

    return Server(
        DatabaseKind.MARIADB,
        str(server.socket_folder),
        f"mysql://root@/shop?host={quote(str(server.socket), safe='')}",
        say,
        "show grants for '{}'@'%'",
    )
