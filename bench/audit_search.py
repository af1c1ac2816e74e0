"""Searching ten million audit entries, against bare statements that an index answers.

It loads a world of its own: `python -m bench.audit_search [--quick] [--data FOLDER]`. Entries come
by COPY, spread over a year; what is rare is spread as well. Boxes are random bytes, which take as
long to be refused as others to be opened.
"""

import argparse
import hashlib
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.rounds import Contestant, Effort, Result, compare
from bench.tables import show
from bench.world import World, opened
from tenantry import bootstrap
from tenantry.audit import vault
from tenantry.audit.actions import ListFailedLoginsAction, SearchAuditAction
from tenantry.kernel.action import Outcome
from tenantry.testing.clock import ShiftedClock

TITLE = "audit_search: {entries:,} entries of a year"
MANY, FEW = 10_000_000, 1_000_000
USERS = 20_000
PORTION = 50_000
GOAL = "200 ms"
COLUMNS = (
    "tenant_id at id run_id action outcome reason actor actor_id target_id request_id face key_id"
    " box actor_key_id actor_box address_digest position"
).split()
ACTIONS = ("login",) * 55 + ("user.modify",) * 15 + ("session.refresh",) * 15 + (
    "group.add_member", "group.remove_member", "access_key.issue", "vfolder.create",
    "compute.create", "compute.terminate", "user.get", "user.search",
    "logout", "logout", "logout", "logout",
    "vfolder.share", "user.create", "user.create",
)  # fmt: skip
RARE_ACTION, RARE_EVERY = "user.purge", 100_000
FAR = 10**12
"""A position behind every horizon, so that upkeep seals none of these meanwhile."""
BUSY_SHARE, OFFICE_SHARE = 0.04, 0.03
"""What one service account does of everything, and what comes from one address."""

NEWEST = "order by at desc, id desc limit 51"


@dataclass(frozen=True)
class People:
    """Whom the entries are about, and where they come from."""

    tenant_id: UUID
    users: list[tuple[UUID, str]]
    addresses: list[str]
    digests: list[bytes]

    @property
    def busy(self) -> tuple[UUID, str]:
        """The service account."""
        return self.users[0]

    @property
    def quiet(self) -> tuple[UUID, str]:
        """Somebody who works where nobody else does, once a day or so."""
        return self.users[1]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit_search", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that keeps the world for the next run")
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} entries, not {MANY:,}")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as temporary:
        Path(temporary).chmod(0o711)
        folder = options.data or Path(temporary)
        uvloop.run(_run(folder, Effort(options.seconds, options.quick, rounds=5)))


async def _run(folder: Path, effort: Effort) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    entries = FEW if effort.quick else MANY
    async with opened(folder / f"audit-{entries}", USERS, console) as world:
        people = await people_of(world)
        loaded = world.folder / "entries.loaded"
        if not loaded.exists():
            await world.owner.execute("truncate audit_entries, audit_keys")
            await load(world, people, entries, console)
            loaded.touch()
        show(console, TITLE.format(entries=entries), await measure(world, people, effort))


async def people_of(world: World) -> People:
    """Some users of the world, and where they work."""
    rows = await world.owner.fetch(
        "select id, username, tenant_id from users where role = 'user' and status = 'active'"
        " order by id limit 10000"
    )
    addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(20_000)]
    key = world.app.audit_parts.keys.index_key
    digests = [vault.address_digest(key, address) or b"" for address in addresses]
    users = [(row["id"], row["username"]) for row in rows]
    return People(rows[0]["tenant_id"], users, addresses, digests)


def entries_of(people: People, count: int, now: datetime) -> Iterator[tuple[Any, ...]]:
    """So many entries, the oldest first, the same ones every time but for their ids."""
    dice = random.Random(1)
    pool = [dice.randbytes(120) for _ in range(500)]
    boxes = [dice.randbytes(90) for _ in range(500)]
    step = timedelta(days=364) / count
    begin = now - timedelta(days=364)
    busy, quiet, users = people.busy, people.quiet, people.users[2:]
    rolled = dice.random
    for number in range(count):
        at = begin + step * number
        seed = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()
        low = int.from_bytes(seed[:10], "big")
        milliseconds = int(at.timestamp() * 1000)
        entry_id = UUID(int=milliseconds << 80 | 0x7 << 76 | low & ~(0xF << 76) | 0x8 << 60)
        action = ACTIONS[number % 100] if number % RARE_EVERY else RARE_ACTION
        chance = rolled()
        who = busy if chance < BUSY_SHARE else users[int(rolled() * len(users))]
        if number % 30_000 == 7:
            who = quiet
        login = action == "login"
        target = users[int(rolled() * len(users))] if who is busy else who
        bad = rolled() < 0.05
        outcome = "succeeded" if not bad else "denied" if rolled() < 0.3 else "failed"
        office = rolled() < OFFICE_SHARE and who is not busy
        place = 0 if office else 1 + int(rolled() * (len(people.digests) - 2))
        place = len(people.digests) - 1 if who is quiet else place
        own = not login and who is not target
        yield (
            people.tenant_id,
            at,
            entry_id,
            entry_id,
            action,
            outcome,
            "wrong_password" if bad else None,
            "anonymous" if login else None,
            None if login else who[0],
            target[0],
            "request-1",
            "http",
            UUID(int=low),
            pool[number % 500],
            UUID(int=low) if own else None,
            boxes[number % 500] if own else None,
            people.digests[place],
            FAR + number // 3,
        )


async def load(world: World, people: People, count: int, console: Console) -> None:
    """Add so many entries of the year that ends now."""
    owner = world.owner
    clock = ShiftedClock()
    clock.advance(days=-364)
    async with world.app.database.transaction() as tx:
        await bootstrap.ensure_partitions(tx, clock)
    indexes = await owner.fetch(
        "select indexrelid::regclass as name, pg_get_indexdef(indexrelid) as definition"
        " from pg_index where indrelid = 'audit_entries'::regclass and not indisunique"
    )
    for index in indexes:
        await owner.execute(f"drop index {index['name']}")
    rows = entries_of(people, count, datetime.now(UTC))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        loading = progress.add_task(f"copying {count:,} entries", total=count)
        while portion := list(islice(rows, PORTION)):
            await owner.copy_records_to_table("audit_entries", records=portion, columns=COLUMNS)
            progress.update(loading, advance=len(portion))
        await owner.execute("set maintenance_work_mem = '1GB'")
        building = progress.add_task("building indexes", total=len(indexes) + 1)
        for index in indexes:
            definition = index["definition"].replace(" ON ONLY ", " ON ")
            await owner.execute(definition, timeout=3600)
            progress.update(building, advance=1)
        await owner.execute("vacuum (analyze) audit_entries", timeout=3600)
        await owner.execute("checkpoint")
        progress.update(building, advance=1)


async def measure(world: World, people: People, effort: Effort) -> list[Result]:
    """Each condition alone, and pairs whose hits are rare although each of them is common."""
    dice = random.Random(2)
    users = people.users[2:]
    statement = f"select * from audit_entries where target_id = $1 {NEWEST}"
    bare = await world.bare.prepare(statement)
    now = datetime.now(UTC)
    office, busy, quiet = people.addresses[0], people.busy[1], people.quiet[1]
    month = {"since": now - timedelta(days=200), "until": now - timedelta(days=170)}

    def some() -> str:
        return dice.choice(users)[1]

    async def indexed() -> object:
        return await bare.fetch(dice.choice(users)[0])

    questions: dict[str, Any] = {
        "nothing": dict,
        "user": lambda: {"user": some()},
        "user, the busy one": lambda: {"user": busy},
        "actor": lambda: {"actor": some()},
        "actor, the busy one": lambda: {"actor": busy},
        "action, common": lambda: {"action": "login"},
        "action, rare": lambda: {"action": RARE_ACTION},
        "target": lambda: {"target_name": some()},
        "outcome": lambda: {"outcome": Outcome.DENIED},
        "address": lambda: {"address": dice.choice(people.addresses)},
        "address of an office": lambda: {"address": office},
        "time": lambda: month,
        "user and time": lambda: {"user": some(), **month},
        "user and action": lambda: {"user": some(), "action": "user.modify"},
        "user and outcome": lambda: {"user": some(), "outcome": Outcome.DENIED},
        "user and address, no hit": lambda: {"user": quiet, "address": office},
        "busy actor and rare action": lambda: {"actor": busy, "action": RARE_ACTION},
        "busy actor and outcome": lambda: {"actor": busy, "outcome": Outcome.DENIED},
        "busy actor and office, no hit": lambda: {"actor": busy, "address": office},
        "busy user, no such action": lambda: {"user": busy, "action": "tenant.month_stats"},
        "office and rare action": lambda: {"address": office, "action": RARE_ACTION},
        "office and login, a month": lambda: {"address": office, "action": "login", **month},
        "denied purges": lambda: {"action": RARE_ACTION, "outcome": Outcome.DENIED},
        "denied, office, no such action": lambda: {
            "outcome": Outcome.DENIED,
            "address": office,
            "action": "vfolder.purge",
        },
    }
    contestants = [Contestant("bare SELECT, indexed", indexed)]
    for name, conditions in questions.items():
        contestants.append(Contestant(name, _search(world, conditions), goal=GOAL))
    contestants.append(Contestant("failed logins of a day", _failed(world), goal=GOAL))
    return await compare(contestants, effort)


def _search(world: World, conditions: Any) -> Any:  # Any: makes conditions, makes a call
    run = world.app.audit.search.wait_for_complete

    async def ask() -> object:
        return await run(SearchAuditAction(**conditions()))

    return ask


def _failed(world: World) -> Any:  # Any: as above
    run = world.app.audit.list_failed_logins.wait_for_complete

    async def ask() -> object:
        return await run(ListFailedLoginsAction())

    return ask


if __name__ == "__main__":
    main()
