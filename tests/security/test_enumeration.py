"""Who asks cannot find out who there is: the same words after the same work, two hundred times."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import msgspec
import pytest

from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.adapters.postgres.transaction import PostgresTransaction
from tenantry.app import App
from tenantry.environment import networks
from tenantry.errors import PermissionError
from tenantry.settings import Settings
from tenantry.testing.users import make_user

from .refusals import (
    EACH,
    KINDS,
    PROXY,
    WRONG,
    address_of,
    ask,
    client_behind_the_proxy,
    prepared,
)

pytestmark = pytest.mark.anyio

SAMPLES = 200


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Each sample comes from an address of its own, told by a proxy."""
    return replace(settings, trusted_proxies=networks(PROXY), max_account_failures=100)


@contextmanager
def counted(app: App) -> Iterator[list[str]]:
    """What is done from here on: each statement and each hash that is computed."""
    work: list[str] = []
    hasher: Any = app.auth_service._hasher
    assert isinstance(hasher, ThreadedHasher)
    compute = hasher._threads.run
    originals = {n: getattr(PostgresTransaction, n) for n in ("execute", "fetch", "fetchrow")}
    originals |= {n: getattr(PostgresTransaction, n) for n in ("fetchval", "later")}

    def watched(name: str) -> Any:
        def call(self: PostgresTransaction, statement: Any, *arguments: object) -> Any:
            work.append(statement.name)
            return originals[name](self, statement, *arguments)

        return call

    async def hashing(job: Callable[[], Any]) -> Any:
        work.append("hash")
        return await compute(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hasher._threads, "run", hashing)
        for name in originals:
            patch.setattr(PostgresTransaction, name, watched(name))
        yield work


@pytest.fixture
async def http(tenantry: App) -> Any:
    async with client_behind_the_proxy(tenantry) as client:
        yield client


async def test_l6_two_hundred_refusals_of_every_kind_are_alike(
    tenantry: App, http: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    names = {kind: await prepared(tenantry, http, kind) for kind in KINDS}
    samples = list(itertools.islice(itertools.cycle(KINDS), SAMPLES))
    random.Random(7).shuffle(samples)
    seen: Counter[tuple[int, str, str]] = Counter()
    work_of: dict[str, set[tuple[str, ...]]] = {kind: set() for kind in KINDS}
    with counted(tenantry) as work:
        for number, kind in enumerate(samples):
            work.clear()
            name, password = names[kind][number % EACH], KINDS[kind][1]
            answer = await ask(http, name, password, address_of(number))
            work_of[kind].add(tuple(work))
            seen[_without_ids(answer)] += 1
    assert len(seen) == 1, seen
    ((status, _, text),) = seen
    assert status == 401
    assert "invalid_credentials" in text
    (one,) = set.union(*work_of.values())
    assert one.count("hash") == 1
    assert all(work_of.values())


def _without_ids(answer: httpx2.Response) -> tuple[int, str, str]:
    body = msgspec.json.decode(answer.content)
    body.pop("request_id")
    headers = {n: v for n, v in answer.headers.items() if n not in ("x-request-id", "date")}
    return answer.status_code, repr(sorted(headers.items())), repr(body)


async def test_a_build_that_says_why_is_noticed(tenantry: App, http: httpx2.AsyncClient) -> None:
    prover: Any = tenantry.auth_service._prover
    refuse = prover.refuse

    async def telling(principal: Any, proof: Any, *told: Any) -> None:
        await refuse(principal, proof, *told)
        if proof.reason != "wrong_password":
            raise PermissionError(f"Refused: {proof.reason}.")

    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prover, "refuse", telling)
        for kind in ("unknown", "wrong", "locked", "disabled"):
            (name, *_) = await prepared(tenantry, http, kind)
            seen.append(_without_ids(await ask(http, name, KINDS[kind][1])))
    assert len(set(seen)) == len(seen)


async def test_a_build_that_skips_the_hash_for_nobody_is_noticed(
    tenantry: App, http: httpx2.AsyncClient
) -> None:
    """The count of work tells it, where a measured time might not."""
    await make_user(tenantry, "john")
    prover: Any = tenantry.auth_service._prover
    verify = prover._hasher.verify

    async def naive(stored: str | None, password: str) -> bool:
        return False if stored is None else bool(await verify(stored, password))

    hashes = []
    with pytest.MonkeyPatch.context() as patch, counted(tenantry) as work:
        patch.setattr(prover._hasher, "verify", naive)
        for name in ("john", "nobody"):
            work.clear()
            await ask(http, name, WRONG)
            hashes.append(work.count("hash"))
    assert hashes == [1, 0]


async def test_the_first_guess_and_the_tenth_are_the_same_work(
    tenantry: App, http: httpx2.AsyncClient
) -> None:
    await make_user(tenantry, "john")
    await ask(http, "whoever", WRONG)
    works = set()
    with counted(tenantry) as work:
        for _ in range(tenantry.settings.max_failed_attempts):
            for name in ("john", "nobody"):
                work.clear()
                await ask(http, name, WRONG)
                works.add(tuple(work))
    assert len(works) == 1


async def test_a_throttled_account_and_a_throttled_name_are_alike(
    tenantry: App, http: httpx2.AsyncClient
) -> None:
    await make_user(tenantry, "john")
    limit = tenantry.settings.max_failed_attempts
    works, answers = set(), set()
    with counted(tenantry) as work:
        for name in ("john", "nobody"):
            for number in range(limit + 3):
                work.clear()
                answer = await ask(http, name, WRONG)
                answers.add(_without_ids(answer))
                if number >= limit:
                    works.add(tuple(work))
    assert len(answers) == 1
    assert len(works) == 1
    assert next(iter(works)).count("hash") == 1
