"""Who asks cannot find out who there is: the same words after the same work, two hundred times."""

import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
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
from tenantry.http.server import create_asgi
from tenantry.lockout.actions import LockAccountAction
from tenantry.passwords.policy import MAX_BYTES
from tenantry.settings import Settings
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserStatus

pytestmark = pytest.mark.anyio

SAMPLES = 200
WRONG = "not the passphrase"
PROXY = "192.0.2.1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Each sample comes from an address of its own, told by a proxy."""
    return replace(settings, trusted_proxies=networks(PROXY), max_account_failures=100)


async def _locked(app: App, name: str) -> None:
    await make_user(app, name)
    action = LockAccountAction(user=name, reason="odd", duration_minutes=30)
    await app.locks.lock_account.wait_for_complete(action)


async def _disabled(app: App, name: str) -> None:
    await make_user(app, name, status=UserStatus.INACTIVE)


async def _deleted(app: App, name: str) -> None:
    await make_user(app, name)
    await app.users.delete_user.wait_for_complete(DeleteUserAction(user=name))


async def _elsewhere(app: App, name: str) -> None:
    await make_user(app, name, allowed_client_ip=["10.0.0.0/8"])


async def _without(app: App, name: str) -> None:
    await make_user(app, name, password=None)


async def _there(app: App, name: str) -> None:
    await make_user(app, name)


async def _nobody(app: App, name: str) -> None:
    return None


KINDS: dict[str, tuple[Callable[[App, str], Awaitable[None]], str]] = {
    "unknown": (_nobody, PASSWORD),
    "wrong": (_there, WRONG),
    "locked": (_locked, PASSWORD),
    "disabled": (_disabled, PASSWORD),
    "deleted": (_deleted, PASSWORD),
    "elsewhere": (_elsewhere, PASSWORD),
    "without a password": (_without, PASSWORD),
    "empty": (_there, ""),
    "empty of nobody": (_nobody, ""),
    "oversize": (_there, "x" * (MAX_BYTES + 1)),
    "oversize of nobody": (_nobody, "x" * (MAX_BYTES + 1)),
}


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
    transport = httpx2.ASGITransport(create_asgi(tenantry), client=(PROXY, 5000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry") as client:
        yield client


async def test_l6_two_hundred_refusals_of_every_kind_are_alike(
    tenantry: App, http: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    names: dict[str, list[str]] = {}
    for kind, (prepare, _) in KINDS.items():
        names[kind] = [f"{kind.replace(' ', '-')}-{i}" for i in range(3)]
        for name in names[kind]:
            await prepare(tenantry, name)
            await ask(http, name, WRONG, "198.51.100.9")
    # Each has been asked for once: the audit makes a key a month for each person it tells of.
    samples = list(itertools.islice(itertools.cycle(KINDS), SAMPLES))
    random.Random(7).shuffle(samples)
    seen: Counter[tuple[int, str, str]] = Counter()
    work_of: dict[str, set[tuple[str, ...]]] = {kind: set() for kind in KINDS}
    with counted(tenantry) as work:
        for number, kind in enumerate(samples):
            work.clear()
            address = f"203.0.{number // 200}.{number % 200}"
            answer = await ask(http, names[kind][number % 3], KINDS[kind][1], address)
            work_of[kind].add(tuple(work))
            seen[_without_ids(answer)] += 1
    assert len(seen) == 1, seen
    ((status, _, text),) = seen
    assert status == 401
    assert "invalid_credentials" in text
    (one,) = set.union(*work_of.values())
    assert one.count("hash") == 1
    assert all(work_of.values())


async def ask(
    http: httpx2.AsyncClient, name: str, password: str, address: str = "203.0.113.7"
) -> httpx2.Response:
    body = {"username": name, "password": password}
    return await http.post("/api/v1/login", json=body, headers={"X-Forwarded-For": address})


def _without_ids(answer: httpx2.Response) -> tuple[int, str, str]:
    body = msgspec.json.decode(answer.content)
    body.pop("request_id")
    headers = {n: v for n, v in answer.headers.items() if n not in ("x-request-id", "date")}
    return answer.status_code, repr(sorted(headers.items())), repr(body)


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
