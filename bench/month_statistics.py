"""Month statistics of 10,000 users with a million compute sessions in thirty days.

Against bare SELECTs of the same closed bins in the same run. It loads a world of its own:
`python -m bench.month_statistics [--quick] [--data FOLDER]`.
"""

import argparse
import random
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import anyio.to_thread
import asyncpg
import uvloop
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, compare, judged
from bench.tables import show
from bench.world import World, opened
from tenantry.adapters.collector import short_pauses
from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.adapters.valkey_statistics import ValkeyStatistics
from tenantry.compute.ports import Sample
from tenantry.kernel.clock import SystemClock
from tenantry.testing.agents import FakeAgents
from tenantry.usage.collector import UsageCollector
from tenantry.usage.model import BIN, month
from tenantry.usage.repository import UsageRepository
from tenantry.users.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.users.service import UserService

TITLE = "month_statistics: {users:,} users, {sessions:,} compute sessions in thirty days"
MANY, FEW = (10_000, 1_000_000), (1_000, 50_000)
EVERYBODY = UUID(int=0)
BARE_USER = "select * from usage_bins where user_id = $1 and bin >= $2 and bin < $3"
BARE_ALL = "select * from usage_tenant_bins where tenant_id = $1 and bin >= $2 and bin < $3"

# Sessions begin at any time of the month and take an hour on average; what has not ended runs.
# The first user has one session that has run all the time, and so a row in every bin.
LOAD_SESSIONS = """
    insert into compute_sessions
        (id, tenant_id, user_id, agent, name, kind, status, command, cpu, memory, gpu,
         created_at, started_at, ended_at, io_read_bytes, io_write_bytes, disk_bytes)
    select gen_random_uuid(), u.tenant_id, u.id, 'bench', 'bench', 'batch',
        case when s.ended < $2 then 'terminated' else 'running' end, '{x}',
        1 + s.number % 8, 1073741824::bigint * (1 + s.number % 16), s.number % 3,
        s.started, s.started, case when s.ended < $2 then s.ended end,
        case when s.ended < $2 then 1000 * s.number end,
        case when s.ended < $2 then 2000 * s.number end,
        case when s.ended < $2 then 3000 end
    from (
        select number, started, started + make_interval(secs => case when number = 1
            then 3e6 else -ln(1 - random()) * 3600 end) as ended
        from (select number, case when number = 1 then $1::timestamptz
            else $1::timestamptz + random() * ($2::timestamptz - $1::timestamptz) end as started
            from generate_series(1, $3::int) as number) as begun
    ) as s
    join (select id, tenant_id, row_number() over (order by id) as place from users) as u
        on u.place = 1 + (s.number - 1) % $4
"""
# As the collector closes them, but all at once; IO is spread evenly here.
LOAD_BINS = """
    insert into usage_bins
    select s.tenant_id, bin, s.user_id, count(*), sum(s.cpu), sum(s.memory), sum(s.gpu),
        sum(coalesce(s.io_read_bytes, 0) / 8), sum(coalesce(s.io_write_bytes, 0) / 8),
        sum(coalesce(s.disk_bytes, 0)), false
    from compute_sessions s cross join generate_series(
        greatest(date_bin('15 minutes', s.started_at, $1), $1),
        least(coalesce(s.ended_at, $2), $2) - interval '1 microsecond',
        interval '15 minutes') as bin
    group by s.tenant_id, bin, s.user_id
"""
LOAD_TOTALS = """
    insert into usage_tenant_bins
    select coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'), bin, sum(num_sessions),
        sum(cpu_allocated), sum(mem_allocated), sum(gpu_allocated), sum(io_read_bytes),
        sum(io_write_bytes), sum(disk_used), false
    from usage_bins group by grouping sets ((tenant_id, bin), (bin))
"""


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.month_statistics", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that keeps the world for the next run")
    parser.add_argument("--quick", action="store_true", help="a small world")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    effort = Effort(options.seconds, options.quick)
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as temporary:
        Path(temporary).chmod(0o711)
        uvloop.run(_run(options.data or Path(temporary), effort))


async def _run(folder: Path, effort: Effort) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=100)
    users, sessions = FEW if effort.quick else MANY
    async with opened(folder / f"usage-{users}", users, console) as world:
        await _load(world, users, sessions, console)
        server = EmbeddedValkey(world.folder / "valkey")
        await anyio.to_thread.run_sync(server.start)
        valkey = ValkeyStatistics.connect(server.url)
        try:
            title = TITLE.format(users=users, sessions=sessions)
            with short_pauses():  # as a server has them
                show(console, title, await measure(world, valkey, effort))
        finally:
            await valkey.close()
            await anyio.to_thread.run_sync(server.stop)


async def _load(world: World, users: int, sessions: int, console: Console) -> None:
    """Fill the tables; a world that was kept from an earlier day is filled anew."""
    first, last = _window()
    owner = world.owner
    console.print(f"loading {sessions:,} compute sessions and their bins ...")
    await owner.execute("set session_replication_role = replica")  # foreign keys hold by making
    await owner.execute("truncate compute_sessions, usage_samples, usage_bins, usage_tenant_bins")
    await owner.execute("delete from usage_progress")
    await owner.execute(
        "insert into agents values ('bench', 'bench', 'alive', 1, 1, 0, now(), now() + '1 day')"
        " on conflict do nothing"
    )
    await owner.execute("select ensure_partitions($1::timestamptz::date, 2)", first)
    await owner.execute(LOAD_SESSIONS, first, last, sessions, users, timeout=1800)
    await owner.execute(LOAD_BINS, first, last, timeout=1800)
    await owner.execute(LOAD_TOTALS, timeout=1800)
    # The app's own collector may have begun anew by now.
    await owner.execute(
        "insert into usage_progress (closed_until) values ($1)"
        " on conflict (only_row) do update set closed_until = excluded.closed_until",
        last,
    )
    await owner.execute(
        "insert into usage_samples select tenant_id, $1, id, 0, 0, 0, false"
        " from compute_sessions where status = 'running'",
        datetime.fromtimestamp(last.timestamp() - BIN, UTC),
    )
    for table in ("compute_sessions", "usage_bins", "usage_tenant_bins", "usage_samples"):
        await owner.execute(f"vacuum (analyze) {table}", timeout=1800)
    await owner.execute("checkpoint")


def _window() -> tuple[datetime, datetime]:
    """The starts of the first bin of the month and of the one under way."""
    bins = month(datetime.now(UTC).timestamp())
    return datetime.fromtimestamp(bins.start, UTC), datetime.fromtimestamp(bins[-1], UTC)


async def measure(world: World, valkey: ValkeyStatistics, effort: Effort) -> list[Result]:
    """Users with figures here and there, the one with figures in every bin, and everybody."""
    running = await _put_samples(world.owner, valkey)
    app = world.app
    service = UserService(
        storage_manager=app.storage_manager,
        valkey_stat_client=valkey,
        agent_registry=app.agent_registry,
        user_repository=app.user_repository,
        admin_user_repository=app.admin_user_repository,
    )
    await _require_equal_sums(world, service)
    rows = await world.owner.fetch("select id from users order by id limit 2000")
    ids: list[UUID] = [row["id"] for row in rows]
    window = _window()
    bare_user = await world.bare.prepare(BARE_USER)
    bare_all = await world.bare.prepare(BARE_ALL)
    dice = random.Random(1)

    def of(user: Callable[[], UUID]) -> Callable[[], Awaitable[object]]:
        return lambda: service.user_month_stats(UserMonthStatsAction(str(user())))

    def some() -> UUID:
        return dice.choice(ids)

    users = [
        Contestant("bare SELECT, some user", lambda: bare_user.fetch(some(), *window)),
        Contestant("month statistics, some user", of(some), goal="100 ms"),
        Contestant("  8 at once", of(some), at_once=8),
        Contestant("month statistics, in every bin", of(lambda: ids[0]), goal="100 ms"),
    ]
    everybody = [
        Contestant("bare SELECT, everybody", lambda: bare_all.fetch(EVERYBODY, *window)),
        Contestant(
            f"month statistics, everybody, {running:,} running",
            lambda: service.admin_month_stats(AdminMonthStatsAction()),
            goal="500 ms",
        ),
    ]
    half = Effort(effort.seconds / 2, effort.quick, effort.rounds)
    found = [*await compare(users, half), *await compare(everybody, half)]
    return [*found, *await _closing(world, valkey)]


async def _put_samples(owner: asyncpg.Connection, valkey: ValkeyStatistics) -> int:
    rows = await owner.fetch("select id from compute_sessions where status = 'running'")
    now = datetime.now(UTC)
    samples = [
        Sample(
            id=row["id"],
            at=now,
            cpu_seconds=1.0,
            memory_bytes=2**20,
            io_read_bytes=1000,
            io_write_bytes=1000,
        )
        for row in rows
    ]
    for start in range(0, len(samples), 500):
        await valkey.put_samples(samples[start : start + 500])
    return len(samples)


async def _require_equal_sums(world: World, service: UserService) -> None:
    """What is fast must be right: everybody's figure is the sum over all rows of users."""
    everybody = await service.admin_month_stats(AdminMonthStatsAction())
    closed = sum(one["num_sessions"]["value"] for one in everybody.stats[:-1])
    rows = await world.owner.fetchval("select sum(num_sessions)::bigint from usage_bins")
    if closed != rows:
        raise SystemExit(f"the sums differ: {closed} and {rows}")


async def _closing(world: World, valkey: ValkeyStatistics) -> list[Result]:
    """Closing a bin, against a bare look at the sessions that ran in it."""
    collector = UsageCollector(
        database=world.app.database,
        usage_repository=UsageRepository(),
        agent_registry=FakeAgents(),
        valkey_stat_client=valkey,
        clock=SystemClock(),
    )
    closed_until = await world.owner.fetchval("select closed_until from usage_progress")
    # The youngest bins are opened again, one for each call.
    calls = 20
    since = datetime.fromtimestamp(closed_until.timestamp() - calls * BIN, UTC)
    bare = await world.bare.prepare(
        "select * from compute_sessions where ended_at is null or ended_at >= $1"
    )

    async def look() -> object:
        return await bare.fetch(since)

    async def close() -> object:
        return await collector.close_due(most=1)

    for table in ("usage_bins", "usage_tenant_bins"):
        await world.owner.execute(f"delete from {table} where bin >= $1", since)
    await world.owner.execute("update usage_progress set closed_until = $1", since)
    contestants = [Contestant("bare SELECT of sessions", look), Contestant("closing a bin", close)]
    for _ in range(calls // 4):
        for contestant in contestants:
            await contestant.run(4)
    return judged(contestants)


if __name__ == "__main__":
    main()
