"""The chain of seals: complete whoever commits when, and broken by every way of tampering."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tenantry import bootstrap
from tenantry.adapters.anchor import AnchorFile
from tenantry.adapters.cipher import Cipher
from tenantry.app import App, open_app
from tenantry.audit.actions import (
    ApplyAuditRetentionAction,
    ShowAuditRetentionAction,
    VerifyAuditAction,
)
from tenantry.audit.chain import Fault
from tenantry.audit.months import Month
from tenantry.audit.sealing import AuditSealer
from tenantry.audit.seals import SealRepository
from tenantry.errors import ConfigurationError, InvalidInput
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import PurgeUserAction

from .conftest import Search, log_in, seal, verify

pytestmark = pytest.mark.anyio

ADD = (
    "insert into audit_entries (tenant_id, at, id, run_id, action, outcome, actor, target, face)"
    " values ($1, now(), $1, $1, 'login', 'failed', 'anonymous', 'eve', 'http')"
)
FIRST = "(select id from audit_entries order by position, id limit 1)"


async def faults(app: App) -> set[Fault]:
    return {finding.fault for finding in (await verify(app)).findings}


@pytest.fixture
async def chain(tenantry: App) -> App:
    """Three segments, the middle one with some entries."""
    await make_user(tenantry, "ada")
    await seal(tenantry)
    for name in ("bob", "cleo", "dora", "emil"):
        await make_user(tenantry, name)
    await seal(tenantry)
    await make_user(tenantry, "fay")
    await seal(tenantry)
    return tenantry


async def test_what_nobody_touched_is_verified(chain: App, owner: asyncpg.Connection) -> None:
    found = await verify(chain)
    assert (found.findings, found.unsealed) == ([], 0)
    assert found.segments >= 3
    assert found.entries == await owner.fetchval("select count(*) from audit_entries")


async def test_entries_that_wait_for_their_seal_are_told_of(chain: App) -> None:
    before = await verify(chain)
    await make_user(chain, "gina")
    found = await verify(chain)
    assert (found.findings, found.unsealed) == ([], 1)
    assert found.oldest_unsealed is not None
    assert found.entries == before.entries


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'denied'",
        "reason = 'nothing'",
        "actor_id = gen_random_uuid()",
        "actor = 'mallory'",
        "target_id = null",
        "person_id = gen_random_uuid()",
        "tenant_id = gen_random_uuid()",
        "action = 'user.delete'",
        "at = at + interval '1 second'",
        "box = null",
        "key_id = null, box = null, target = 'eve'",
        "changes = '{\"a\": [1, 2]}'",
        "address_digest = sha256('x')::bytea || ''::bytea",
        "request_id = 'x'",
        "face = 'cli'",
        "run_id = gen_random_uuid()",
    ],
)
async def test_a_changed_entry_is_named(chain: App, owner: asyncpg.Connection, change: str) -> None:
    change = change.replace("sha256('x')::bytea || ''::bytea", "substring(sha256('x') for 16)")
    entry_id = await owner.fetchval(
        f"update audit_entries set {change} where id = {FIRST} returning id"
    )
    (finding,) = (await verify(chain)).findings
    assert (finding.fault, finding.segment, finding.entry_id) == (Fault.ENTRY_CHANGED, 1, entry_id)
    assert str(entry_id) in finding.message


async def test_a_removed_entry_leaves_a_gap_between_its_neighbours(
    chain: App, owner: asyncpg.Connection
) -> None:
    ids = [
        row["id"]
        for row in await owner.fetch(
            "select id from audit_entries where position < (select to_position from audit_seals"
            " where number = 2) and position >= (select from_position from audit_seals"
            " where number = 2) order by position, id"
        )
    ]
    await owner.execute("delete from audit_entries where id = $1", ids[1])
    (finding,) = (await verify(chain)).findings
    assert (finding.fault, finding.segment) == (Fault.ENTRY_REMOVED, 2)
    assert str(ids[0]) in finding.message
    assert str(ids[2]) in finding.message


async def test_an_inserted_entry_is_named(chain: App, owner: asyncpg.Connection) -> None:
    made_up = uuid4()
    await owner.execute(ADD, made_up)
    await owner.execute(
        "update audit_entries set position = (select min(position) from audit_entries)"
        " where id = $1",
        made_up,
    )
    (finding,) = (await verify(chain)).findings
    assert (finding.fault, finding.entry_id) == (Fault.ENTRY_INSERTED, made_up)


async def test_an_entry_slipped_into_another_month_is_found(
    chain: App, owner: asyncpg.Connection
) -> None:
    made_up = uuid4()
    await owner.execute(ADD.replace("now()", "now() - interval '27 days'"), made_up)
    await owner.execute("update audit_entries set position = 1 where id = $1", made_up)
    assert await faults(chain) == {Fault.ENTRY_INSERTED}


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        ("delete from audit_seals where number = 1", Fault.SEGMENT_REMOVED),
        ("delete from audit_seals where number = 2", Fault.SEGMENT_REMOVED),
        ("delete from audit_seals where number = (select max(number) from audit_seals)",
         Fault.ANCHOR_DIFFERS),
        ("delete from audit_seals", Fault.ANCHOR_DIFFERS),
        ("update audit_seals set number = 5 - number where number in (2, 3)",
         Fault.SEGMENT_OUT_OF_ORDER),
        ("update audit_seals set leaves = '' where number = 2", Fault.SEGMENT_CHANGED),
        ("update audit_seals set sealed_at = sealed_at - interval '1 day' where number = 2",
         Fault.SEGMENT_CHANGED),
        ("update audit_seals set months = '[]' where number = 2", Fault.SEGMENT_CHANGED),
        ("update audit_seals set head = sha256(head) where number = 2", Fault.SEGMENT_CHANGED),
        ("update audit_seals set signature = (select signature from audit_seals where number = 1)"
         " where number = 2", Fault.SEGMENT_NOT_SIGNED),
    ],
)  # fmt: skip
async def test_a_segment_that_was_removed_reordered_or_changed_is_found(
    chain: App, owner: asyncpg.Connection, tamper: str, fault: Fault
) -> None:
    await owner.execute("alter table audit_seals drop constraint audit_seals_pkey")
    try:
        await owner.execute(tamper)
        assert fault in await faults(chain)
    finally:
        await owner.execute("delete from audit_seals")
        await owner.execute("alter table audit_seals add primary key (number)")


class Forger(SealRepository):
    """Has every right in the database, and a key of its own."""

    def __init__(self) -> None:
        super().__init__(Cipher([b"\x07" * 32]))


class Nowhere:
    """An anchor that remembers nothing."""

    async def append(self, number: int, head: bytes) -> None:
        """Forget it."""

    async def heads(self) -> list[tuple[int, str]]:
        """Nothing."""
        return []


async def test_who_rewrites_all_of_it_cannot_sign(chain: App, owner: asyncpg.Connection) -> None:
    await owner.execute("delete from audit_seals")
    await owner.execute(f"delete from audit_entries where id = {FIRST}")
    forger = AuditSealer(
        database=chain.database, seal_repository=Forger(), anchor=Nowhere(), clock=chain.clock
    )
    await forger.seal_all()
    assert Fault.ANCHOR_DIFFERS in await faults(chain)
    # Another key is no fault by itself, since keys change; without ours at the end it is one.
    (chain.settings.data_dir / "audit.anchor").unlink()
    assert await faults(chain) == {Fault.SEGMENT_NOT_SIGNED}


async def test_who_has_the_key_too_is_caught_by_the_anchor(
    chain: App, owner: asyncpg.Connection
) -> None:
    await owner.execute("delete from audit_seals")
    await owner.execute(f"delete from audit_entries where id = {FIRST}")
    repository = chain.audit_parts.sealer._seals
    thief = AuditSealer(
        database=chain.database, seal_repository=repository, anchor=Nowhere(), clock=chain.clock
    )
    await thief.seal_all()
    assert await faults(chain) == {Fault.ANCHOR_DIFFERS}
    (chain.settings.data_dir / "audit.anchor").unlink()
    assert await faults(chain) == set()


async def test_a_damaged_anchor_is_a_finding(chain: App) -> None:
    with (chain.settings.data_dir / "audit.anchor").open("a") as file:
        file.write("nonsense\n")
    assert await faults(chain) == {Fault.ANCHOR_DIFFERS}


async def test_a_server_does_not_seal_on_when_the_chain_was_cut_back(
    chain: App, owner: asyncpg.Connection
) -> None:
    await owner.execute("delete from audit_seals where number > 1")
    await make_user(chain, "gina")
    with pytest.raises(ConfigurationError, match="ended with seal"):
        await chain.audit_parts.sealer.seal_all()


async def test_a_purge_breaks_no_chain(chain: App) -> None:
    await chain.users.purge_user.wait_for_complete(PurgeUserAction(user="cleo"))
    await seal(chain)
    assert (await verify(chain)).findings == []


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


async def test_one_segment_or_a_stretch_of_time_can_be_verified_alone(
    chain: App, owner: asyncpg.Connection, clock: ShiftedClock
) -> None:
    await owner.execute(f"delete from audit_entries where id = {FIRST}")
    assert (await verify(chain, segment=1)).findings != []
    assert (await verify(chain, segment=2)).findings == []
    clock.advance(hours=1)
    since = clock.now()
    await make_user(chain, "gina")
    await seal(chain)
    late = await verify(chain, since=since)
    assert (late.findings, late.entries) == ([], 1)
    assert (await verify(chain)).findings != []
    with pytest.raises(InvalidInput) as refused:
        await verify(chain, segment=10**6)
    assert refused.value.field == "segment"


@pytest.fixture
async def old(settings: Settings, tenantry: App, clock: ShiftedClock) -> AsyncIterator[App]:
    """A system with entries of half a year ago, that keeps three months."""
    keeping = replace(settings, audit_retention_months=3)
    async with open_app(keeping, clock=clock, upkeep=False) as app:
        clock.advance(days=-183)
        async with app.database.transaction() as tx:
            await bootstrap.ensure_partitions(tx, clock)
        await make_user(app, "ada")
        await log_in(app, "ada")
        await seal(app)
        clock.advance(days=183)
        await make_user(app, "bob")
        await seal(app)
        yield app


async def test_retention_tells_first_what_it_would_drop(old: App, clock: ShiftedClock) -> None:
    shown = await old.audit.show_retention.wait_for_complete(ShowAuditRetentionAction())
    assert (shown.keep_months, shown.dropped) == (3, [])
    due = [month.month for month in shown.months if month.due]
    first_kept = Month.of(clock.now()).plus(-3).name
    assert due
    assert all(name < first_kept for name in due)
    assert all(month.due == (month.month < first_kept) for month in shown.months)


async def test_a_dropped_month_is_gone_and_the_chain_holds(
    old: App, owner: asyncpg.Connection, search: Search, clock: ShiftedClock
) -> None:
    before = await search()
    gone = [e for e in before if Month.of(e.timestamp) < Month.of(clock.now()).plus(-3)]
    assert len(gone) == 2
    applied = await old.audit.apply_retention.wait_for_complete(ApplyAuditRetentionAction())
    assert Month.of(gone[0].timestamp).name in applied.dropped
    assert not any(month.due for month in applied.months)
    left = {entry.id for entry in await search()}
    assert left & {entry.id for entry in before} == {e.id for e in before} - {e.id for e in gone}
    assert {e.target for e in await search(action="audit.apply_retention")} == set(applied.dropped)
    key_months = await owner.fetch("select distinct to_char(at, 'YYYY-MM') as name from audit_keys")
    assert not {row["name"] for row in key_months} & set(applied.dropped)
    await seal(old)
    assert (await verify(old)).findings == []


async def test_a_month_that_was_dropped_behind_the_systems_back_is_found(
    old: App, owner: asyncpg.Connection, clock: ShiftedClock
) -> None:
    month = Month.of(clock.now()).plus(-6).name.replace("-", "_")
    await owner.execute(f"delete from audit_entries_{month}")
    assert await faults(old) == {Fault.ENTRY_REMOVED}


async def test_what_is_put_into_a_dropped_month_is_found(
    old: App, owner: asyncpg.Connection, clock: ShiftedClock
) -> None:
    await old.audit.apply_retention.wait_for_complete(ApplyAuditRetentionAction())
    await seal(old)
    clock.advance(days=-183)
    async with old.database.transaction() as tx:
        await bootstrap.ensure_partitions(tx, clock)
    clock.advance(days=183)
    made_up = uuid4()
    await owner.execute(ADD.replace("now()", "now() - interval '183 days'"), made_up)
    await owner.execute("update audit_entries set position = 1 where id = $1", made_up)
    assert await faults(old) == {Fault.ENTRY_INSERTED}


async def test_the_application_cannot_drop_what_is_new(chain: App, clock: ShiftedClock) -> None:
    drop = Statement("test.drop", "Drop.", "select drop_audit_month($1)")
    for month in (Month.of(clock.now()), Month.of(clock.now()).next):
        with pytest.raises(asyncpg.RaiseError):
            async with chain.database.transaction() as tx:
                await tx.execute(drop, month.first.date())


async def test_what_is_not_sealed_is_not_dropped(
    old: App, owner: asyncpg.Connection, search: Search
) -> None:
    drop = Statement("test.drop", "Drop.", "select drop_audit_month($1)")
    (newest,) = await search(user="ada", action="user.create")
    await owner.execute("delete from audit_seals")
    async with old.database.autocommit() as tx:
        with pytest.raises(asyncpg.RaiseError, match="not sealed"):
            await tx.execute(drop, Month.of(newest.timestamp).first.date())


@pytest.mark.parametrize(
    ("field", "samples"),
    [("after", [-1, "x", 2**63]), ("segment", [0, -1, 2**63]), ("since", ["2026-01-01", 5])],
)
async def test_a_bad_field_of_a_verification_is_named(
    tenantry: App, field: str, samples: list[Any]
) -> None:
    for sample in samples:
        with pytest.raises(InvalidInput) as refused:
            await tenantry.audit.verify.wait_for_complete(VerifyAuditAction(**{field: sample}))
        assert refused.value.field == field, sample


async def test_by_default_everything_is_kept(chain: App, search: Search) -> None:
    before = await search()
    applied = await chain.audit.apply_retention.wait_for_complete(ApplyAuditRetentionAction())
    assert (applied.keep_months, applied.dropped) == (None, [])
    assert [e.id for e in (await search())[-len(before) :]] == [e.id for e in before]


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


async def test_partitions_of_a_year_are_made_ahead(
    tenantry: App, owner: asyncpg.Connection, clock: ShiftedClock
) -> None:
    for table in ("audit_entries", "audit_keys"):
        made = await owner.fetch(
            "select right(inhrelid::regclass::text, 7) as name from pg_inherits"
            " where inhparent = $1::text::regclass",
            table,
        )
        names = {row["name"].replace("_", "-") for row in made}
        assert {Month.of(clock.now()).plus(n).name for n in range(-1, 13)} <= names
