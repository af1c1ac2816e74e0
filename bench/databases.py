"""Managed databases: planning and applying the rights of 1,000 users on 100 tables, and drift.

The reference runs the very statements of the plan, one after the other, on a bare connection, as
psql would; a second one gives each right by a statement of its own, as scripts do.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import pymysql
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, judged
from tenantry.adapters.collector import short_pauses
from tenantry.adapters.databases import connector_to
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    Plan,
    Policy,
    PrincipalKind,
    RightKind,
    WantedGrant,
    WantedPrincipal,
    WantedState,
)
from tenantry.databases.names import generated_name
from tenantry.databases.planning import diff
from tenantry.databases.ports import DatabaseConnector
from tenantry.privileges.model import Privilege, object_named
from tenantry.testing.mariadb import EmbeddedMariaDB

TITLE = "databases: plan, apply and drift of 1,000 users on 100 tables over bare statements"
USERS, TABLES = 1_000, 100
FEW_USERS, FEW_TABLES = 100, 20
ROUNDS, FEW_ROUNDS = 3, 2
SAMPLE = 50
PAUSE_SECONDS = 0.001
NAME = "shop"
WORDS = (Privilege.SELECT, Privilege.INSERT, Privilege.UPDATE)

Run = Callable[[list[str]], Awaitable[None]]


@dataclass(frozen=True)
class Server:
    """One server: its connector, bare statements on a connection, and what takes a right away."""

    kind: str
    connector: DatabaseConnector
    run: Run
    drift: str


def world(scope: UUID, users: int, tables: int) -> WantedState:
    """Each user has some of the privileges on each table, by chance."""
    dice = random.Random(scope.int)
    people = [
        WantedPrincipal(
            UUID(int=number),
            PrincipalKind.USER,
            generated_name(scope, PrincipalKind.USER, UUID(int=number)),
        )
        for number in range(users)
    ]
    places = [object_named(NAME, "public", f"t{number}") for number in range(tables)]
    grants = frozenset(
        WantedGrant(one.name, word, place)
        for one in people
        for place in places
        for word in dice.sample(WORDS, dice.randint(1, len(WORDS)))
    )
    return WantedState(scope, tuple(people), grants=grants)


async def measure(folder: Path, effort: Effort, console: Console) -> list[Result]:
    """All of it on PostgreSQL, then on MariaDB; each round from an empty server to the end."""
    users, tables = (FEW_USERS, FEW_TABLES) if effort.quick else (USERS, TABLES)
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        for server in (
            await postgresql(folder, stack, tables),
            await mariadb(folder, stack, tables),
        ):
            with short_pauses():  # as a server has them
                results += await on_server(server, users, tables, effort, console)
    return results


async def on_server(
    server: Server, users: int, tables: int, effort: Effort, console: Console
) -> list[Result]:
    """The contestants on one server, in turns."""
    names = (
        f"{server.kind}: bare statements of the plan, {users:,} x {tables}",
        f"each right by itself, bare (every {SAMPLE}th, times {SAMPLE})",
        "plan: inspect an empty server and compare",
        "apply the plan",
        "notice that one user lost one table",
        "meanwhile, the longest that others waited for a turn",
    )
    contestants = [Contestant(name) for name in names]
    for number in range(FEW_ROUNDS if effort.quick else ROUNDS):
        console.print(f"{server.kind}: round {number + 1}", style="dim")
        wanted = world(UUID(int=1000 + number), users, tables)
        taken = await one_round(server, wanted)
        for contestant, seconds in zip(contestants, taken, strict=True):
            contestant.by_round.append([seconds])
    return judged(contestants)


async def one_round(server: Server, wanted: WantedState) -> list[float]:
    """The seconds of each contestant; the server is empty again after it."""
    began = time.perf_counter()
    plan = await planned(server, wanted)
    planning = time.perf_counter() - began
    texts = [step.statement for step in plan.steps]

    bare = await timed(server.run(texts))
    await emptied(server, wanted)
    makes = [step.statement for step in plan.steps if step.creates]
    await server.run(makes)
    rights = [r for step in plan.steps for r in step.gives if r.kind is RightKind.TABLE]
    said = [server.connector.dialect.grants([right])[0][0] for right in rights[::SAMPLE]]
    single = SAMPLE * await timed(server.run(said))
    await emptied(server, wanted)

    applying = await timed(server.connector.apply(wanted.scope, plan))
    victim = wanted.principals[0].name
    await server.run([server.drift.format(victim)])
    turns = asyncio.create_task(longest_wait())
    began = time.perf_counter()
    found = await planned(server, wanted)
    noticing = time.perf_counter() - began
    turns.cancel()
    waited = await turns
    if not found.steps or {one for step in found.steps for one in step.principals} != {victim}:
        raise AssertionError(f"{len(found.steps)} steps for the rights of one that are gone")
    await emptied(server, wanted)
    return [bare, single, planning, applying, noticing, waited]


async def planned(server: Server, wanted: WantedState) -> Plan:
    found = await server.connector.inspect(wanted.scope)
    return await asyncio.to_thread(diff, wanted, found, server.connector.dialect, Policy())


async def longest_wait() -> float:
    """Until it is cancelled: the most that something else would have waited, in seconds."""
    longest, last = 0.0, time.perf_counter()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            now = time.perf_counter()
            longest, last = max(longest, now - last - PAUSE_SECONDS), now
    return longest


async def emptied(server: Server, wanted: WantedState) -> None:
    nothing = WantedState(wanted.scope)
    await server.connector.apply(wanted.scope, await planned(server, nothing))


async def timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def postgresql(folder: Path, stack: AsyncExitStack, tables: int) -> Server:
    """PostgreSQL with the tables, durable as in service."""
    server = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
    boss = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    await boss.execute(f"create database {NAME}")
    await boss.close()
    bare = await asyncpg.connect(server.dsn(SUPERUSER, NAME))
    stack.push_async_callback(bare.close)
    for number in range(tables):
        await bare.execute(f"create table t{number} (i int)")

    async def run(texts: list[str]) -> None:
        for text in texts:
            await bare.execute(text)

    address = Address(str(server.socket_folder), 5432, NAME, SUPERUSER)
    connector = connector_to(DatabaseKind.POSTGRESQL, address, None, deadline=300)
    return Server("PostgreSQL", connector, run, "revoke select, insert, update on t0 from {}")


async def mariadb(folder: Path, stack: AsyncExitStack, tables: int) -> Server:
    """MariaDB with the tables."""
    server = stack.enter_context(EmbeddedMariaDB(folder / "mariadb"))
    bare = pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True)
    stack.callback(bare.close)
    cursor = bare.cursor()
    cursor.execute(f"create database {NAME}")
    bare.select_db(NAME)
    for number in range(tables):
        cursor.execute(f"create table t{number} (i int)")

    async def run(texts: list[str]) -> None:
        for text in texts:
            cursor.execute(text)

    address = Address(str(server.socket), None, NAME, "root")
    connector = connector_to(DatabaseKind.MARIADB, address, None, deadline=300)
    return Server("MariaDB", connector, run, "revoke select, insert, update on t0 from {}")
