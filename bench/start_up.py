"""From nothing, and from yesterday's data, to a server that answers; against bare PostgreSQL."""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio.to_thread
import asyncpg
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, judged
from bench.serving import serving
from tenantry.adapters.postgres.embedded import EmbeddedPostgres

TITLE = "start_up: `tenantry serve` until ready over initdb and start of the same PostgreSQL"
ROUNDS, FEW_ROUNDS = 7, 1
GOAL = "under 3 s"


async def measure(folder: Path, effort: Effort, _: Console) -> list[Result]:
    """Each round starts both from nothing, and both again with what is there then."""
    bare_first, bare_next = _starts("bare PostgreSQL, first"), _starts("bare PostgreSQL, next")
    first, following = _starts("tenantry serve, first"), _starts("tenantry serve, next", GOAL)
    for number in range(FEW_ROUNDS if effort.quick else ROUNDS):
        bare, whole = folder / f"bare-{number}", folder / f"whole-{number}"
        await _time(bare_first, _bare(bare))
        await _time(first, serving(whole))
        await _time(bare_next, _bare(bare))
        await _time(following, serving(whole))
        shutil.rmtree(bare)
        shutil.rmtree(whole)
    return [*judged([bare_first, first]), *judged([bare_next, following])]


def _starts(name: str, goal: str = "") -> Contestant:
    return Contestant(name, _not_called, goal=goal)


async def _not_called() -> None:
    """A start is timed up to a moment within it, so it is no plain call."""


async def _time(contestant: Contestant, started: AbstractAsyncContextManager[object]) -> None:
    began = time.perf_counter()
    async with started:
        contestant.by_round.append([time.perf_counter() - began])


@asynccontextmanager
async def _bare(folder: Path) -> AsyncIterator[None]:
    """PostgreSQL alone, until it has answered a statement."""
    server = EmbeddedPostgres(folder)
    await anyio.to_thread.run_sync(server.start)
    try:
        connection = await asyncpg.connect(server.dsn("tenantry_owner", "postgres"))
        await connection.fetchval("select 1")
        await connection.close()
        yield
    finally:
        await anyio.to_thread.run_sync(server.stop)
