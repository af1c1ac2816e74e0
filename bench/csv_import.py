"""Importing users whose hashes are made already, against a COPY of the same rows."""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

from rich.console import Console

from bench import people
from bench.rounds import Contestant, Effort, Result, judged
from bench.world import World, opened, sample_hash
from tenantry.users.actions import ImportUsersAction
from tenantry.users.model import UserCreator, UserStatus
from tenantry.users.queries import COLUMNS

TITLE = "csv_import: 1,000 users a batch as `tenantry user import` sends them, over a COPY of them"
ROWS, FEW_ROWS = 100_000, 2_000
BATCH = 1_000
PARTS = 5
_TAKEN = [name for name in UserCreator.__struct_fields__ if name in COLUMNS]


async def measure(folder: Path, effort: Effort, console: Console) -> list[Result]:
    """In a database of its own, empty at first; every batch is one call of either."""
    rows = FEW_ROWS if effort.quick else ROWS
    async with opened(folder, 0, console) as world:
        tenant_id = await world.owner.fetchval("select id from tenants where name_key = 'default'")
        copy, action = Contestant("COPY", _unused), Contestant("user.import", _unused)
        for part in range(PARTS):
            await _copy(world, copy, tenant_id, rows // PARTS, f"c{part}")
            await _import(world, action, tenant_id, rows // PARTS, f"i{part}")
        found = await world.owner.fetchval("select count(*) from users")
        if found < 2 * (rows // PARTS) * PARTS:
            raise ValueError("not all rows arrived")
        return judged([copy, action])


async def _unused() -> None:
    """What is measured here is done batch by batch, each of its own rows."""


async def _copy(
    world: World, contestant: Contestant, tenant_id: UUID, count: int, prefix: str
) -> None:
    taken: list[float] = []
    for batch in _batches(tenant_id, count, prefix):
        began = time.perf_counter()
        # As the owner: COPY does not go through row-level security.
        await world.owner.copy_records_to_table("users", records=batch, columns=list(COLUMNS))
        taken.append(time.perf_counter() - began)
    contestant.by_round.append(taken)


async def _import(
    world: World, contestant: Contestant, tenant_id: UUID, count: int, prefix: str
) -> None:
    taken: list[float] = []
    for batch in _batches(tenant_id, count, prefix):
        users = [_creator(row) for row in batch]
        began = time.perf_counter()
        action = ImportUsersAction(users=users)
        await world.app.users.import_users.wait_for_complete(action)
        taken.append(time.perf_counter() - began)
    contestant.by_round.append(taken)


def _batches(tenant_id: UUID, count: int, prefix: str) -> list[list[people.Row]]:
    rows = people.rows(count, tenant_id=tenant_id, password_hash=sample_hash(), prefix=prefix)
    batches: list[list[people.Row]] = []
    while batch := list(islice(rows, BATCH)):
        batches.append(batch)
    return batches


def _creator(row: Sequence[object]) -> UserCreator:
    """The same person as a line of the file says it."""
    columns = dict(zip(COLUMNS, row, strict=True))
    given = {name: columns[name] for name in _TAKEN if columns[name] is not None}
    active = given.pop("status") == UserStatus.ACTIVE
    status = UserStatus.ACTIVE if active else UserStatus.INACTIVE
    given |= {"attributes": {}, "totp_activated": False, "status": status}
    return UserCreator(**given)  # type: ignore[arg-type] # each column has its field's type
