"""Importing what is on a PostgreSQL with many accounts: proposing it, and making it in Tenantry.

The reference is the bare statements that made the accounts there, one after the other on one
connection. What is made is asked for as `tenantry database import --make` does, without HTTP.
"""

import random
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import asyncpg
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, judged
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.app import App, open_app
from tenantry.databases.actions import AddDatabaseAction
from tenantry.databases.enforcing_actions import DatabaseProposal, ProposeDatabaseAction
from tenantry.sdk.database_import import ImportedDatabase, make
from tenantry.settings import Settings

TITLE = (
    "database_import: 1,000 logins, 50 roles and their rights on 200 tables, over bare statements"
)
LOGINS, ROLES, TABLES = 1_000, 50, 200
FEW_LOGINS, FEW_ROLES, FEW_TABLES = 60, 6, 20
ROUNDS = 2
ROLES_OF_ONE, TABLES_OF_ROLE, TABLES_OF_LOGIN = 2, 20, 3
WORDS = ("select", "insert", "update", "delete")
PASSWORD = "a sound passphrase of the bench"
NAME = "shop"


def statements(number: int, *, quick: bool) -> Iterator[str]:
    """What makes the accounts of a round, with some rights each, by chance."""
    dice = random.Random(number)
    logins, roles, tables = (
        (FEW_LOGINS, FEW_ROLES, FEW_TABLES) if quick else (LOGINS, ROLES, TABLES)
    )
    groups = [f"r{number}_{one}" for one in range(roles)]
    people = [f"u{number}_{one}" for one in range(logins)]
    for name in groups:
        yield f"create role {name}"
    for name in people:
        yield f"create role {name} login"
        yield f"grant {', '.join(dice.sample(groups, ROLES_OF_ONE))} to {name}"
    for names, count in ((groups, TABLES_OF_ROLE), (people, TABLES_OF_LOGIN)):
        for name in names:
            for table in dice.sample(range(tables), min(count, tables)):
                words = ", ".join(dice.sample(WORDS, 2))
                yield f"grant {words} on t{table} to {name}"


async def measure(folder: Path, effort: Effort, console: Console) -> list[Result]:
    """Each round with accounts of its own, which are gone from the server after it."""
    names = ("bare statements", "database.propose", "making it", "making it again: nothing to do")
    contestants = [Contestant(name) for name in names]
    with EmbeddedPostgres(folder / "postgres") as server:
        boss = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
        await boss.execute(f"create database {NAME}")
        await boss.close()
        owner = await asyncpg.connect(server.dsn(SUPERUSER, NAME))
        for number in range(TABLES):
            await owner.execute(f"create table t{number} (i int)")
        socket = str(server.socket_folder)
        settings = Settings(
            data_dir=folder / "data", port=0, admin_password=PASSWORD, managed_hosts=(socket,)
        )
        async with open_app(settings) as app:
            dsn = f"postgresql://{SUPERUSER}@:5432/{NAME}?host={quote(socket, safe='')}"
            await app.run(AddDatabaseAction(NAME, dsn=dsn))
            for number in range(ROUNDS):
                console.print(f"round {number + 1}", style="dim")
                taken = await one_round(app, owner, number, quick=effort.quick)
                for contestant, seconds in zip(contestants, taken, strict=True):
                    contestant.by_round.append([seconds])
        await owner.close()
    return judged(contestants)


async def one_round(
    app: App, owner: asyncpg.Connection, number: int, *, quick: bool
) -> list[float]:
    """The seconds of each contestant; the accounts are gone again after it."""
    marks = [time.perf_counter()]
    for statement in statements(number, quick=quick):
        await owner.execute(statement)
    marks.append(time.perf_counter())
    proposal = await proposed(app)
    marks.append(time.perf_counter())
    made = await make(app, proposal, adopt=False)
    marks.append(time.perf_counter())
    again = await make(app, proposal, adopt=False)
    marks.append(time.perf_counter())
    if not made.users or counts_of(again) != (0, 0, 0, 0):
        raise AssertionError(f"{counts_of(made)} were made, and {counts_of(again)} once more")
    if (len(made.users) + len(made.roles), made.grants) != (
        len(proposal.principals),
        len(proposal.grants),
    ):
        raise AssertionError("not all of it was made")
    for one in proposal.principals:
        await owner.execute(f"drop owned by {one.on_server}; drop role {one.on_server}")
    return [end - start for start, end in pairwise(marks)]


async def proposed(app: App) -> DatabaseProposal:
    """What is on the server now, in Tenantry's words."""
    run = app.databases.propose_database.wait_for_complete
    return (await run(ProposeDatabaseAction(NAME))).data


def counts_of(made: ImportedDatabase) -> tuple[int, int, int, int]:
    """How much was made that was not there."""
    return len(made.users), len(made.roles), made.memberships, made.grants
