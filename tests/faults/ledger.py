"""What writers were told is done, and whether the database knows of it and of nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

WRITERS = 4
CHANGES_EACH = 3

Create = Callable[[str], Awaitable[int]]
"""Make a user of this name; the version that was acknowledged."""
Describe = Callable[[str, str], Awaitable[int]]
"""Give this user that description; the version that was acknowledged."""

GAPS = """
    select u.username, u.version, count(a.id) as entries
    from users u left join audit_entries a
        on a.target_id = u.id and a.outcome = 'succeeded'
        and a.action in ('user.create', 'user.modify')
    where u.username like 'writer-%' group by u.id having u.version <> count(a.id)
"""
ORPHANS = """
    select a.id from audit_entries a
    where a.outcome = 'succeeded' and a.action in ('user.create', 'user.modify')
        and not exists (select from users u where u.id = a.target_id)
"""


@dataclass
class Ledger:
    """The last version and description acknowledged for each user; ``failed`` counts refusals."""

    acknowledged: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    failed: int = 0
    rounds: int = 0

    def __len__(self) -> int:
        return sum(version for version, _ in self.acknowledged.values())


async def write(
    ledger: Ledger,
    create: Create,
    describe: Describe,
    *,
    stop: asyncio.Event,
    expected: tuple[type[Exception], ...],
) -> None:
    """Let the writers create and change users until told to stop; expected failures go on."""
    ledger.rounds += 1
    prefix = f"writer-{ledger.rounds}"

    async def one(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{prefix}-{writer}-{number}"
            try:
                ledger.acknowledged[name] = await create(name), None
                for change in range(CHANGES_EACH):
                    text = f"change {change}"
                    ledger.acknowledged[name] = await describe(name, text), text
            except expected:
                ledger.failed += 1
                await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as writers:
        for writer in range(WRITERS):
            writers.create_task(one(writer))


async def lost(connection: asyncpg.Connection, ledger: Ledger) -> list[str]:
    """Acknowledged writes that are not there."""
    rows = await connection.fetch("select username, version, description from users")
    stored = {row["username"]: (row["version"], row["description"]) for row in rows}
    missing = []
    for name, (version, description) in ledger.acknowledged.items():
        there, text = stored.get(name, (0, None))
        # A write whose answer did not come may have been done: a later version is no loss.
        if there < version or (there == version and text != description):
            missing.append(f"{name}: told {version} {description!r}, stored {there} {text!r}")
    return missing


async def unaudited(connection: asyncpg.Connection) -> list[str]:
    """Changes without an audit entry, and entries without a change."""
    gaps = await connection.fetch(GAPS)
    orphans = await connection.fetch(ORPHANS)
    return [
        *(f"{row[0]}: version {row[1]}, {row[2]} entries" for row in gaps),
        *(f"{row[0]}: an entry and no user" for row in orphans),
    ]
