"""Who asks cannot find out by the time of the answer who there is.

Two hundred samples are taken in turns, so that what else the machine does falls on all kinds alike.
The rank of a kind is the share of pairs, one sample of it and one of a wrong password, in which it
took longer: 0.5 where nobody can tell them apart, 0 or 1 where everybody can.
"""

import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from bench.login_timing import rank
from tenantry.app import App
from tenantry.environment import networks
from tenantry.settings import Settings

from .refusals import (
    EACH,
    KINDS,
    PROXY,
    address_of,
    ask,
    client_behind_the_proxy,
    prepared,
)

pytestmark = pytest.mark.anyio

SAMPLES = 200
MEASURED = ("wrong", "unknown", "locked", "disabled", "empty", "oversize")
FAIR = (0.15, 0.85)
"""Five standard deviations of the rank of so few samples; what can be told comes to 0 or 1."""
MOST_TRIES = 3
"""A neighbour may disturb one measurement; what can be told is so in every one."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Passwords are hashed as dearly as in earnest."""
    return replace(
        settings,
        trusted_proxies=networks(PROXY),
        max_account_failures=100,
        hash_memory_kib=19456,
        hash_time_cost=2,
    )


@pytest.fixture
async def http(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_behind_the_proxy(tenantry) as client:
        yield client


class Stopwatch:
    """Measures refusals of some kinds, each from an address of its own."""

    def __init__(self, http: httpx2.AsyncClient, names: dict[str, list[str]]) -> None:
        self._http = http
        self._names = names
        self._numbers = itertools.count()

    async def told_apart(self, kinds: Sequence[str]) -> dict[str, float]:
        """The ranks that are unfair, however often they are measured."""
        unfair: dict[str, float] = {}
        for _ in range(MOST_TRIES):
            taken = await self._interleaved(kinds)
            ranks = {kind: rank(taken[kind], taken["wrong"]) for kind in kinds}
            unfair = {k: r for k, r in ranks.items() if not FAIR[0] < r < FAIR[1]}
            if not unfair:
                break
        return unfair

    async def _interleaved(self, kinds: Sequence[str]) -> dict[str, list[float]]:
        order = list(
            itertools.islice(itertools.cycle(kinds), SAMPLES * len(kinds) // len(MEASURED))
        )
        random.Random(7).shuffle(order)
        taken: dict[str, list[float]] = {kind: [] for kind in kinds}
        for kind in order:
            number = next(self._numbers)
            name, password = self._names[kind][number % EACH], KINDS[kind][1]
            began = time.perf_counter()
            await ask(self._http, name, password, address_of(number))
            taken[kind].append(time.perf_counter() - began)
        return taken


@pytest.fixture
async def stopwatch(tenantry: App, http: httpx2.AsyncClient) -> Stopwatch:
    """With people of every kind, asked for once."""
    return Stopwatch(http, {kind: await prepared(tenantry, http, kind) for kind in MEASURED})


async def test_two_hundred_refusals_in_turns_are_not_told_apart_by_their_time(
    stopwatch: Stopwatch,
) -> None:
    assert await stopwatch.told_apart(MEASURED) == {}


async def test_a_build_that_skips_the_hash_for_nobody_is_told_by_its_time(
    tenantry: App, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    prover: Any = tenantry.auth_service._prover
    verify = prover._hasher.verify

    async def naive(stored: str | None, password: str) -> bool:
        return False if stored is None else bool(await verify(stored, password))

    monkeypatch.setattr(prover._hasher, "verify", naive)
    assert set(await stopwatch.told_apart(("wrong", "unknown"))) == {"unknown"}
