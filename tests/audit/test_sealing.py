"""Sealing: the chain is complete, whoever commits when and however many seal."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tenantry.adapters.anchor import AnchorFile
from tenantry.app import App, open_app
from tenantry.audit.chain import Fault
from tenantry.audit.sealing import AuditSealer
from tenantry.audit.seals import SealRepository
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user

from .conftest import ADD, Nowhere, seal, verify

pytestmark = pytest.mark.anyio


class Overlap:
    """A transaction that has an entry and does not end, and one that began later and has."""

    def __init__(self, slow: asyncpg.Connection) -> None:
        self._slow = slow
        self.slow_id = uuid4()

    async def begin(self, app: App) -> None:
        await self._slow.execute("begin")
        await self._slow.execute(ADD, self.slow_id)
        await make_user(app, "quick")

    async def end(self) -> None:
        await self._slow.execute("commit")


async def test_an_entry_of_a_slow_transaction_falls_into_no_gap(
    chain: App, owner: asyncpg.Connection
) -> None:
    overlap = Overlap(owner)
    await overlap.begin(chain)
    await chain.audit_parts.sealer.seal_all()
    assert (await verify(chain)).unsealed == 1
    await overlap.end()
    await seal(chain)
    found = await verify(chain)
    assert (found.findings, found.unsealed) == ([], 0)
    assert found.entries == await owner.fetchval("select count(*) from audit_entries")


class Hasty(SealRepository):
    """Seals up to the newest entry in sight, as if transactions ended in the order of theirs."""

    async def horizon(self, tx: Transaction) -> int:
        newest = Statement("test.newest", "Newest.", "select max(position) + 1 from audit_entries")
        return int(await tx.fetchval(newest))


async def test_without_the_horizon_the_same_entry_would_be_lost_to_the_chain(
    chain: App, owner: asyncpg.Connection
) -> None:
    hasty = AuditSealer(
        database=chain.database,
        seal_repository=Hasty(chain.audit_parts.sealer._seals._cipher),
        anchor=Nowhere(),
        clock=chain.clock,
    )
    overlap = Overlap(owner)
    await overlap.begin(chain)
    await hasty.seal_all()
    assert (await verify(chain)).unsealed == 0
    await overlap.end()
    (finding,) = (await verify(chain)).findings
    assert (finding.fault, finding.entry_id) == (Fault.ENTRY_INSERTED, overlap.slow_id)


async def test_many_who_seal_at_once_seal_each_entry_exactly_once(
    chain: App, owner: asyncpg.Connection, settings: Settings
) -> None:
    repository = chain.audit_parts.sealer._seals
    anchor = AnchorFile(settings.data_dir / "audit.anchor")
    sealers = [
        AuditSealer(
            database=chain.database,
            seal_repository=repository,
            anchor=anchor,
            clock=chain.clock,
            most=2,
        )
        for _ in range(4)
    ]

    async def write(number: int) -> None:
        for letter in "abcd":
            await make_user(chain, f"writer-{number}{letter}")

    await asyncio.gather(*(write(n) for n in range(4)), *(s.seal_all() for s in sealers))
    await asyncio.gather(*(s.seal_all() for s in sealers))
    await seal(chain)
    found = await verify(chain)
    assert found.findings == []
    assert found.entries == await owner.fetchval("select count(*) from audit_entries")


async def test_entries_of_one_transaction_stay_in_one_segment(
    chain: App, owner: asyncpg.Connection
) -> None:
    async with owner.transaction():
        await owner.executemany(ADD, [(uuid4(),) for _ in range(7)])
    chain.audit_parts.sealer._most = 3
    await seal(chain)
    assert (await verify(chain)).findings == []
    counts = [sum(part.count for part in stored.seal.months) for stored in await _seals(chain)]
    assert counts[-1] == 7


async def _seals(app: App) -> list[Any]:
    async with app.database.autocommit() as tx:
        return list(await app.audit_parts.sealer._seals.after(tx, 0, 1000))


async def test_a_database_that_moved_to_another_cluster_goes_on_counting(
    chain: App, owner: asyncpg.Connection, settings: Settings, clock: ShiftedClock
) -> None:
    """There transactions are counted anew, so that positions would fall into sealed segments."""
    newest = await owner.fetchval("select max(to_position) from audit_seals")
    await owner.execute("update installation set audit_cluster = 'another'")
    async with open_app(settings, clock=clock, upkeep=False) as app:
        await make_user(app, "gina")
        await seal(app)
        assert (await verify(app)).findings == []
    entry = "select position from audit_entries order by at desc, id desc limit 1"
    assert await owner.fetchval(entry) > newest
