"""The last thirty days of a user, of a tenant and of everybody."""

from collections import Counter
from uuid import UUID, uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated, PermissionError, UserNotFound
from tenantry.kernel.action import ANONYMOUS, Actor, acting_as
from tenantry.testing.users import make_user
from tenantry.usage.model import BIN, BINS
from tenantry.usage.purge import UsagePurge
from tenantry.users.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.users.model import UserData, UserRole

from .conftest import Usage

pytestmark = pytest.mark.anyio

MEASURES = {
    "num_sessions": "count",
    "cpu_allocated": "count",
    "mem_allocated": "bytes",
    "gpu_allocated": "count",
    "io_read_bytes": "bytes",
    "io_write_bytes": "bytes",
    "disk_used": "bytes",
}


async def test_without_sessions_there_are_2880_empty_bins(usage: Usage, john: UserData) -> None:
    result = await usage.of(john)
    assert result.success
    assert len(result.stats) == BINS
    dates = [one["date"] for one in result.stats]
    assert dates == [usage.clock.edge - (BINS - 1 - i) * BIN for i in range(BINS)]
    for one in (result.stats[0], result.stats[-1]):
        measures = {name: value for name, value in one.items() if name != "date"}
        assert measures == {n: {"value": 0, "unit_hint": hint} for n, hint in MEASURES.items()}
    assert (result.gaps, result.live) == ([], True)


async def test_bug_11_a_session_counts_in_every_bin_that_it_touches(
    usage: Usage, john: UserData
) -> None:
    await usage.session(john, -2 * BIN - 1, 1, cpu=3, memory=2**31)
    usage.clock.at(60)
    result = await usage.of(john)
    assert usage.values(result, "num_sessions") == {-3: 1, -2: 1, -1: 1, 0: 1}
    assert usage.values(result, "cpu_allocated") == {-3: 3, -2: 3, -1: 3, 0: 3}
    assert usage.values(result, "mem_allocated") == dict.fromkeys(range(-3, 1), 2**31)


async def test_running_sessions_count_up_to_now(usage: Usage, john: UserData) -> None:
    await usage.session(john, -BIN)
    usage.clock.at(1)
    assert usage.values(await usage.of(john), "num_sessions") == {-1: 1, 0: 1}


@pytest.mark.parametrize(
    ("started", "ended", "bins"),
    [
        (-BIN, 0, [-1]),  # exactly one bin
        (-BIN, 0.001, [-1, 0]),
        (-10, -10, [-1]),  # no time at all
        (0, 0, [0]),  # no time, on an edge
        (-1, 899, [-1, 0]),
    ],
)
async def test_edges_are_half_open(
    usage: Usage, john: UserData, started: float, ended: float, bins: list[int]
) -> None:
    await usage.session(john, started, ended)
    usage.clock.at(899)
    assert list(usage.values(await usage.of(john), "num_sessions")) == bins


async def test_what_began_before_the_window_is_cut_at_its_start(
    usage: Usage, john: UserData
) -> None:
    first = -(BINS - 1)
    await usage.session(john, first * BIN - 5000, first * BIN + 1)
    await usage.session(john, first * BIN - 5000, first * BIN - 1)
    usage.clock.at(60)
    assert usage.values(await usage.of(john), "num_sessions") == {first: 1}
    await usage.collect(61)
    assert usage.values(await usage.of(john), "num_sessions") == {first: 1}


async def test_pending_and_cancelled_sessions_do_not_count(usage: Usage, john: UserData) -> None:
    for status, ended in (("pending", None), ("cancelled", usage.clock.now())):
        await usage.owner.execute(
            "insert into compute_sessions (id, tenant_id, user_id, name, kind, status, command,"
            " cpu, memory, created_at, ended_at) values ($1, $2, $3, 'x', 'batch', $4, '{x}', 1,"
            " 1, $5, $6)",
            uuid4(),
            john.tenant_id,
            john.id,
            status,
            usage.clock.now(),
            ended,
        )
    usage.clock.at(60)
    assert usage.values(await usage.of(john), "num_sessions") == {}


async def test_bug_10_disk_used_is_what_the_sessions_have_on_disk(
    usage: Usage, john: UserData
) -> None:
    session = await usage.session(john, -BIN - 60)
    for seconds, disk in ((-BIN - 30, 100), (-BIN + 10, 150), (-5, 200), (5, 250)):
        usage.agents.use(session, disk_bytes=disk)
        await usage.collect(seconds)
    await usage.collect(61)
    assert usage.values(await usage.of(john), "disk_used") == {-2: 150, -1: 250, 0: 250}


async def test_bug_12_valkey_is_asked_once_however_many_sessions_there_are(
    usage: Usage, john: UserData
) -> None:
    for _ in range(20):
        await usage.session(john, -5 * BIN)
    await usage.collect(30)
    usage.valkey.calls = 0
    await usage.of(john)
    assert usage.valkey.calls == 1


async def test_bug_12_valkey_is_not_asked_where_nothing_runs(usage: Usage, john: UserData) -> None:
    await usage.of(john)
    assert usage.valkey.calls == 0


async def test_bug_13_shares_and_all_kinds_of_accelerators_count(
    usage: Usage, john: UserData
) -> None:
    for gpu in (0.25, 0.5, 2.0):
        await usage.session(john, -60, -30, gpu=gpu)
    assert usage.values(await usage.of(john), "gpu_allocated") == {-1: 2.75}
    await usage.collect(61)
    assert usage.values(await usage.of(john), "gpu_allocated") == {-1: 2.75}


async def test_the_sum_over_users_is_the_administrators_figure(
    usage: Usage, tenantry: App, john: UserData
) -> None:
    jane = await make_user(tenantry, "jane")
    await usage.session(john, -3 * BIN - 100, -BIN, cpu=2, gpu=0.1, io=(1000, 5, 7))
    await usage.session(jane, -2 * BIN - 50, -20, gpu=0.2, io=(333, 1, 9))
    running = await usage.session(jane, -BIN - 1, gpu=0.3)
    usage.agents.use(running, io_read_bytes=50)
    await usage.collect(-BIN + 5)
    usage.agents.use(running, io_read_bytes=77)
    await usage.collect(30)
    for _ in range(2):
        users = [await usage.of(user) for user in (john, jane)]
        everybody = await usage.of_all()
        for name in MEASURES:
            total: Counter[int] = Counter()
            for result in users:
                total.update(usage.values(result, name))
            assert dict(total) == pytest.approx(usage.values(everybody, name))
        await usage.collect(61)  # and once more when the bins are closed


async def test_figures_do_not_change_when_their_bins_are_closed(
    usage: Usage, john: UserData
) -> None:
    await usage.session(john, -3 * BIN - 100, -BIN + 7, io=(999, 1001, 5))
    usage.clock.at(59)
    before = await usage.of(john)
    await usage.collect(61)
    assert usage.collector.state.closed_until == usage.clock.edge
    assert (await usage.of(john)).stats == before.stats


async def test_who_may_see_whose_figures(
    usage: Usage,
    tenantry: App,
    john: UserData,
    stranger: UserData,
    admin: UserData,
    superadmin: Actor,
) -> None:
    monitor = await make_user(tenantry, "mona", role=UserRole.MONITOR)
    await usage.session(john, -60, -30)
    await usage.session(stranger, -60, -30)
    await usage.collect(61)
    for who, own, everybody in ((admin, 1, 1), (monitor, 1, 1), (superadmin, 1, 2)):
        with acting_as(who):
            assert usage.values(await usage.of(john), "num_sessions") == {-1: own}
            assert usage.values(await usage.of_all(), "num_sessions") == {-1: everybody}
    with acting_as(admin), pytest.raises(UserNotFound):
        await usage.of(stranger)
    with acting_as(john):
        assert usage.values(await usage.of(john), "num_sessions") == {-1: 1}
        with pytest.raises(UserNotFound):
            await usage.of(admin)
        with pytest.raises(PermissionError):
            await usage.of_all()
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await usage.of(john)


@pytest.mark.parametrize("name", ["nobody", str(UUID(int=7)), "x@example.com", ""])
async def test_an_unknown_user_is_not_found(usage: Usage, name: str) -> None:
    with pytest.raises(UserNotFound):
        await usage.processors.user_month_stats.wait_for_complete(UserMonthStatsAction(name))


async def test_a_user_is_found_by_name_too(usage: Usage, john: UserData) -> None:
    action = UserMonthStatsAction("JOHN")
    result = await usage.processors.user_month_stats.wait_for_complete(action)
    assert result.success


async def test_looking_at_figures_is_not_audited_and_being_refused_is(
    usage: Usage, john: UserData, owner: asyncpg.Connection
) -> None:
    with acting_as(john):
        await usage.of(john)
        with pytest.raises(PermissionError):
            await usage.processors.admin_month_stats.wait_for_complete(AdminMonthStatsAction())
    rows = await owner.fetch(
        "select action, outcome from audit_entries where action like '%month_stats'"
    )
    assert [tuple(row) for row in rows] == [("tenant.month_stats", "denied")]


async def test_what_a_purged_user_used_stays_in_the_sums_of_nobody(
    usage: Usage, tenantry: App, john: UserData
) -> None:
    jane = await make_user(tenantry, "jane")
    await usage.session(john, -60, -30, io=(10, 20, 30))
    await usage.session(jane, -60, -30, io=(1, 2, 3))
    await usage.collect(61)
    before = await usage.of_all()
    for user in (john, jane, john):
        step = UsagePurge(usage_service=tenantry.assembly.workloads.usage)
        async with tenantry.database.transaction() as tx:
            await step.forget(tx, user.id)
    assert (await usage.of_all()).stats == before.stats
    assert usage.values(await usage.of(john), "num_sessions") == {}
    rows = await usage.owner.fetch("select user_id, num_sessions from usage_bins")
    assert [(row["user_id"].int, row["num_sessions"]) for row in rows] == [(0, 2)]
