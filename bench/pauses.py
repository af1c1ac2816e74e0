"""How long everybody waits while memory is filled, and while it is given up.

Python's garbage collector stops all threads, and so does whoever frees a million things at once.
All users are taken into memory as checks do it, twice: with the collector as it is and all given up
at once, and then as `tenantry serve` does both.
"""

import asyncio
import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.rounds import Effort, Result
from bench.world import World
from tenantry.adapters.collector import short_pauses
from tenantry.checks.resident import Resident

TITLE = "pauses: full garbage collections while users come into memory, and giving all of them up"
LONGEST = 0.02
MOST, FEW = 300_000, 20_000


async def measure(world: World, effort: Effort) -> list[Result]:
    """In this process, in processor time."""
    names = await world.some_usernames(FEW if effort.quick else MOST)
    decisions, resident = world.app.decisions, world.app.assembly.grants.resident
    with _full_collections() as plain:
        await decisions.warm(names)
        gc.collect()
    began = time.thread_time()
    resident.held = Resident(clock=world.app.clock, most_users=world.users, cached=0).held
    at_once = [time.thread_time() - began]
    with short_pauses(), _full_collections() as kept_short:
        await decisions.warm(names)
        gc.collect()
    steps = await _giving_up(resident)
    many = f"{len(names):,} users"
    return [
        _result(f"{many}, collections as Python does them", plain, plain, is_reference=True),
        _result(f"{many}, as `tenantry serve` has them", kept_short, plain),
        _result(f"{many} given up at once", at_once, at_once, is_reference=True),
        _result(f"{many} given up, each step", steps, at_once),
    ]


@contextmanager
def _full_collections() -> Iterator[list[float]]:
    """The time that each takes inside."""
    taken: list[float] = []
    began = 0.0

    def told(phase: str, about: Mapping[str, Any]) -> None:  # Any: the collector's figures
        nonlocal began
        if about["generation"] == 2 and phase == "start":
            began = time.thread_time()
        elif about["generation"] == 2:
            taken.append(time.thread_time() - began)

    gc.callbacks.append(told)
    try:
        yield taken
    finally:
        gc.callbacks.remove(told)


async def _giving_up(resident: Resident) -> list[float]:
    """How long each turn of the event loop takes until the old memory is empty."""
    old = resident.held
    resident.let_go()
    taken = []
    while old.homes or old.names.ids:
        began = time.thread_time()
        await asyncio.sleep(0)
        taken.append(time.thread_time() - began)
    return taken


def _result(
    what: str, taken: list[float], before: list[float], *, is_reference: bool = False
) -> Result:
    ordered = sorted(taken)
    return Result(
        name=f"{what}: longest {ordered[-1] * 1000:.1f} ms",
        calls=len(ordered),
        median=ordered[len(ordered) // 2],
        late=ordered[int(len(ordered) * 0.95)],
        ratios=(ordered[-1] / max(before),),
        goal="" if is_reference else f"at most {LONGEST * 1000:.0f} ms",
        is_reference=is_reference,
    )
