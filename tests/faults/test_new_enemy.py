"""A right or session that is taken away on one server is not there any more on the other."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tenantry.testing.users import PASSWORD
from tests.faults.conftest import MakeServing
from tests.faults.enemy import BOUND, ENDS, SLACK, Enemy, Findings
from tests.faults.serving import SERVE, Serving, both_serving

pytestmark = pytest.mark.anyio

NAIVE = (sys.executable, str(Path(__file__).with_name("naive_feed.py")))
REMEMBERING = (sys.executable, str(Path(__file__).with_name("naive_memory.py")))
RUNS, SESSIONS = 40, 9


@asynccontextmanager
async def enemies(
    first: Serving, command: Sequence[str] = SERVE
) -> AsyncIterator[tuple[Enemy, asyncpg.Connection]]:
    """Two servers, the second run by this command, and a connection as the tables' owner."""
    async with (
        both_serving(first, command) as (here, there),
        httpx2.AsyncClient(trust_env=False, timeout=20) as http,
    ):
        owner = await asyncpg.connect(first.postgres.dsn("tenantry_owner", "postgres"))
        enemy = Enemy(http, here, there)
        await enemy.prepare()
        try:
            yield enemy, owner
        finally:
            await owner.close()


async def cut_off(owner: asyncpg.Connection) -> None:
    """End every connection that follows the log."""
    await owner.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where query like '%change_log where seq%' and pid <> pg_backend_pid()"
    )


async def test_nothing_old_is_true_past_the_bound_and_nothing_at_all_with_the_version(
    make_serving: MakeServing,
) -> None:
    findings = Findings()
    async with enemies(make_serving()) as (enemy, _):
        await enemy.run(RUNS, findings)
        await enemy.run_sessions(SESSIONS, findings)
    assert len(findings.stale) == RUNS
    assert len(findings.sessions) == 2 * SESSIONS
    assert findings.stale_with_version == 0
    assert findings.longest < BOUND + SLACK


async def test_a_server_whose_connection_is_cut_off_gives_no_old_answer_past_the_bound(
    make_serving: MakeServing,
) -> None:
    findings = Findings()
    async with enemies(make_serving()) as (enemy, owner):
        for _ in range(3):
            assert not await enemy.may()
            await cut_off(owner)
            await enemy.run(2, findings)
            await cut_off(owner)
            await enemy.run_sessions(1, findings)
    assert findings.stale_with_version == 0
    assert findings.longest < BOUND + SLACK


async def test_a_server_that_trusts_its_connection_lets_the_enemy_in(
    make_serving: MakeServing,
) -> None:
    async with enemies(make_serving(), NAIVE) as (enemy, owner):
        assert await enemy.may(await enemy.change("give"))
        assert await enemy.may()
        await cut_off(owner)
        await asyncio.sleep(0.2)
        taken = await enemy.change("take")
        await asyncio.sleep(BOUND + SLACK)
        assert await enemy.may(), "without it, this test would prove nothing"
        assert not await enemy.may(taken)


async def test_a_server_that_only_remembers_finds_ended_sessions_good_for_ever(
    make_serving: MakeServing,
) -> None:
    async with enemies(make_serving(), REMEMBERING) as (enemy, _):
        for how in ENDS:
            token = await enemy.log_in("john", PASSWORD)
            assert await enemy.validate(token)
            ended = await enemy.end(how, token)
            await asyncio.sleep(BOUND + SLACK)
            assert await enemy.validate(token), "without it, the others would prove nothing"
            assert await enemy.validate(token, ended)
            await enemy.make_good(how)
