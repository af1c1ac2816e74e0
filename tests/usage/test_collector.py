"""Sampling and closing: incremental, by several workers, cut off anywhere, with Valkey gone."""

import asyncio
from typing import Any

import pytest

from tenantry.app import App
from tenantry.testing.users import make_user
from tenantry.usage.model import BIN
from tenantry.users.model import UserData

from .conftest import AGENT, Usage

pytestmark = pytest.mark.anyio


async def write(usage: Usage, session: Any, total: int, seconds: float) -> None:  # Any: an id
    """A session has written so much in all when the collector comes by."""
    usage.agents.use(session, io_write_bytes=total)
    await usage.collect(seconds)


async def test_io_counts_in_the_bin_that_it_fell_into(usage: Usage, john: UserData) -> None:
    session = await usage.session(john, 0)
    await write(usage, session, 100, 450)
    await write(usage, session, 200, BIN - 10)
    await write(usage, session, 300, BIN + 10)  # half of these before the edge
    await write(usage, session, 1000, 2 * BIN - 5)
    usage.clock.at(2 * BIN - 1)
    assert usage.values(await usage.of(john), "io_write_bytes") == {0: 250, 1: 750}


async def test_closed_bins_and_the_one_under_way_add_up_to_the_total(
    usage: Usage, john: UserData
) -> None:
    session = await usage.session(john, 0)
    for step in range(1, 40):
        await write(usage, session, step * 1001, step * 100)
    values = usage.values(await usage.of(john), "io_write_bytes")
    assert sum(values.values()) == 39 * 1001
    assert list(values) == [0, 1, 2, 3, 4]
    assert usage.collector.state.gaps == 0


async def test_what_a_session_did_after_its_last_sample_counts_in_the_end(
    usage: Usage, john: UserData
) -> None:
    session = await usage.session(john, 10)
    await write(usage, session, 100, 300)
    await usage.end(session, BIN + 30, (0, 700, 0))
    await usage.collect(2 * BIN + 61)
    values = usage.values(await usage.of(john), "io_write_bytes")
    assert sum(values.values()) == 700
    assert list(values) == [0, 1]


async def test_a_session_shorter_than_the_samplings_distance_counts(
    usage: Usage, john: UserData
) -> None:
    await usage.collect(0)
    await usage.session(john, 100, 102, io=(5, 6, 7))
    await usage.collect(BIN + 61)
    result = await usage.of(john)
    assert usage.values(result, "io_read_bytes") == {0: 5}
    assert usage.values(result, "disk_used") == {0: 7}


async def test_a_bin_is_closed_once_by_whichever_worker(usage: Usage, john: UserData) -> None:
    for started in (-7000, -5000, -3000):
        await usage.session(john, started, started + 2000, io=(10, 20, 30))
    usage.clock.at(61)
    workers = [usage.collector.run_once(), usage.another.run_once()]
    await asyncio.gather(*workers)
    await asyncio.gather(usage.collector.run_once(), usage.another.run_once())
    closed = await usage.owner.fetchrow(
        "select sum(num_sessions)::int as sessions, sum(io_read_bytes)::int as read"
        " from usage_tenant_bins where tenant_id <> '00000000-0000-0000-0000-000000000000'"
    )
    assert closed is not None
    result = await usage.of(john)
    assert sum(usage.values(result, "num_sessions").values()) == closed["sessions"]
    assert sum(usage.values(result, "io_read_bytes").values()) == closed["read"] == 30


async def test_two_workers_that_sample_and_close_side_by_side_lose_and_double_nothing(
    usage: Usage, tenantry: App, john: UserData
) -> None:
    jane = await make_user(tenantry, "jane")
    sessions = [await usage.session(user, 1) for user in (john, jane) for _ in range(3)]
    for step in range(1, 30):
        usage.clock.at(step * 130)
        for number, session in enumerate(sessions):
            usage.agents.use(session, io_write_bytes=step * (100 + number))
        await asyncio.gather(usage.collector.run_once(), usage.another.run_once())
    everybody = usage.values(await usage.of_all(), "io_write_bytes")
    assert sum(everybody.values()) == 29 * sum(100 + number for number in range(6))
    states = usage.collector.state, usage.another.state
    assert max(state.closed_until or 0 for state in states) == usage.clock.edge + 4 * BIN


@pytest.mark.parametrize("at", ["add_marks", "add_user_bins", "add_tenant_bins", "move_progress"])
async def test_a_worker_killed_while_it_closes_leaves_the_bin_for_the_next(
    usage: Usage, john: UserData, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    session = await usage.session(john, 10)
    await write(usage, session, 500, BIN - 20)
    usage.agents.away.add(AGENT)  # so that closing has a reading to write, too
    repository = usage.collector._usage
    original = getattr(repository, at)

    async def killed(*arguments: Any) -> None:  # Any: those of the method
        await original(*arguments)
        raise SystemExit

    monkeypatch.setattr(repository, at, killed)
    with pytest.raises(SystemExit):
        await usage.collect(BIN + 61)
    monkeypatch.undo()
    assert await usage.owner.fetchval("select count(*) from usage_bins") == 0
    await usage.collect(BIN + 62)
    assert usage.values(await usage.of(john), "io_write_bytes") == {0: 500}


async def test_valkey_emptied_in_between_loses_no_io_and_no_closed_bin(
    usage: Usage, john: UserData
) -> None:
    session = await usage.session(john, 0)
    await write(usage, session, 900, BIN - 5)
    await write(usage, session, 920, BIN + 5)
    await usage.collect(BIN + 61)
    closed = await usage.owner.fetch("select * from usage_bins")
    usage.valkey.flush()
    result = await usage.of(john)
    assert usage.values(result, "io_write_bytes") == {0: 910}
    await write(usage, session, 2000, 2 * BIN + 10)
    values = usage.values(await usage.of(john), "io_write_bytes")
    assert sum(values.values()) == 2000
    assert values[0] == 910
    await usage.collect(2 * BIN + 61)
    assert await usage.owner.fetch("select * from usage_bins order by bin limit 1") == closed


async def test_without_valkey_everything_is_collected_and_the_gap_is_shown(
    usage: Usage, john: UserData
) -> None:
    usage.valkey.away = True
    session = await usage.session(john, 0)
    for step in range(1, 20):
        await write(usage, session, step * 100, step * 100)
    assert not usage.collector.state.live_reachable
    result = await usage.of(john)
    assert not result.live
    assert usage.values(result, "num_sessions") == {0: 1, 1: 1, 2: 1}
    assert set(usage.values(result, "io_write_bytes")) == {0, 1}
    usage.valkey.away = False
    await write(usage, session, 2000, 20 * 100)
    result = await usage.of(john)
    assert result.live
    assert sum(usage.values(result, "io_write_bytes").values()) == 2000
    assert usage.collector.state.live_reachable


async def test_a_lost_agent_leaves_a_gap_that_is_shown_and_its_io_counts_later(
    usage: Usage, john: UserData
) -> None:
    session = await usage.session(john, 0)
    await write(usage, session, 100, 600)
    usage.agents.away.add(AGENT)
    await usage.collect(BIN + 61)
    assert usage.collector.state.agents_missed == (AGENT,)
    assert usage.collector.state.gaps == 1
    result = await usage.of(john)
    assert result.gaps == [float(usage.clock.edge), float(usage.clock.edge + BIN)]
    assert usage.values(result, "num_sessions") == {0: 1, 1: 1}
    usage.agents.away.clear()
    await write(usage, session, 500, BIN + 400)
    result = await usage.of(john)
    assert usage.values(result, "io_write_bytes") == {0: 100, 1: 400}
    assert not usage.collector.state.agents_missed


async def test_after_a_long_stop_all_bins_are_closed_at_once(usage: Usage, john: UserData) -> None:
    session = await usage.session(john, 0)
    await write(usage, session, 100, 100)
    usage.valkey.flush()
    await write(usage, session, 10_000, 20 * BIN + 30)
    await usage.collect(20 * BIN + 61)
    result = await usage.of(john)
    assert len(usage.values(result, "num_sessions")) == 21
    assert sum(usage.values(result, "io_write_bytes").values()) == 10_000
    assert len(result.gaps) == 20  # the last edge had a reading close by
    assert usage.collector.state.closed_until == usage.clock.edge + 20 * BIN


async def test_totals_that_an_agent_takes_back_are_not_believed(
    usage: Usage, john: UserData
) -> None:
    session = await usage.session(john, 0)
    for seconds, total in ((300, 500), (890, 100), (910, 600), (BIN + 300, 50)):
        await write(usage, session, total, seconds)
    await usage.end(session, BIN + 301, (0, 40, 0))
    await usage.collect(2 * BIN + 61)
    values = usage.values(await usage.of(john), "io_write_bytes")
    assert all(value >= 0 for value in values.values())
    assert sum(values.values()) <= 600


async def test_a_user_who_moves_to_another_tenant_takes_the_old_figures_along(
    usage: Usage, john: UserData, stranger: UserData
) -> None:
    await usage.session(john, -100, -50)
    await usage.collect(61)
    move = "update users set tenant_id = $2 where id = $1"
    await usage.owner.execute(move, john.id, stranger.tenant_id)
    assert usage.values(await usage.of(john), "num_sessions") == {-1: 1}
