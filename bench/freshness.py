"""How long after a commit another process has the change in memory, users read again included."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from statistics import quantiles

from bench.rounds import Effort, Result
from bench.world import World
from tenantry.changes.model import Change
from tenantry.grants.actions import GiveAction, RevokeAction

TITLE = "freshness: from the end of a commit to its being applied in another process"
USERS = 50
PAUSE_SECONDS = 0.01
"""Between changes, so that each is a wave of its own."""
NOTIFY = "select pg_notify('bench_nobody', '')"


async def measure(world: World, effort: Effort) -> list[Result]:
    """Rights are given and taken here, and looked for in a process beside."""
    names = await world.some_usernames(USERS)
    changes = 300 if effort.quick else 2000
    command = (sys.executable, "-m", "bench.freshness_reader", str(world.folder), *names)
    reader = subprocess.Popen(  # noqa: ASYNC220 - it only starts here
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    try:
        await asyncio.to_thread(reader.stdout.readline)
        committed = await _change(world, names, changes)
        await asyncio.sleep(1)
        reader.stdin.close()
        applied = _times(await asyncio.to_thread(reader.stdout.read))
    finally:
        reader.stdin.close()
        await asyncio.to_thread(reader.wait, 60)
        reader.stdout.close()
    delays = sorted(
        max(0.0, _first(applied, version) - moment) for version, moment in committed.items()
    )
    bare = sorted([await _bare(world) for _ in range(200)])
    percent = quantiles(delays, n=100)
    reference = bare[len(bare) // 2]
    return [
        Result("a bare statement", len(bare), reference, bare[190], (1.0,), "", is_reference=True),
        Result("applied elsewhere: p50, p95", len(delays), percent[49], percent[94],
               (percent[49] / reference,), "p50 2 ms"),
        Result("applied elsewhere: p99, slowest", len(delays), percent[98], delays[-1],
               (percent[98] / reference,), "p99 50 ms"),
    ]  # fmt: skip


class Commits:
    """Notes the moment at which each version was committed."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    async def follow(self, version: int, changes: Sequence[Change]) -> None:
        self.at[version] = time.monotonic()


async def _change(world: World, names: list[str], changes: int) -> dict[int, float]:
    """When each version was committed."""
    commits = Commits()
    world.app.database.tell(commits)
    for number, name in enumerate(islice(cycle(names), changes)):
        kind = (GiveAction, RevokeAction)[number // len(names) % 2]
        await world.app.run(kind(principal=name, permissions=["SELECT"], database="fresh"))
        await asyncio.sleep(PAUSE_SECONDS)
    return commits.at


async def _bare(world: World) -> float:
    began = time.perf_counter()
    await world.bare.fetchval(NOTIFY)
    return time.perf_counter() - began


def _times(text: str) -> dict[int, float]:
    return {int(line.split()[0]): float(line.split()[1]) for line in text.splitlines()}


def _first(applied: dict[int, float], version: int) -> float:
    """When this version, or a later one that includes it, was there first."""
    return min(moment for number, moment in applied.items() if number >= version)
