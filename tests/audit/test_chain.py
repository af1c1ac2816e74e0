"""The chain of seals is broken by every way of tampering, and says where."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tenantry.adapters.cipher import Cipher
from tenantry.app import App
from tenantry.audit.actions import (
    VerifyAuditAction,
)
from tenantry.audit.chain import Fault
from tenantry.audit.sealing import AuditSealer
from tenantry.audit.seals import SealRepository
from tenantry.errors import ConfigurationError, InvalidInput
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import PurgeUserAction

from .conftest import ADD, FIRST, Nowhere, faults, seal, verify

pytestmark = pytest.mark.anyio


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
    # Where others' transactions are under way beside this test, there are more segments than three.
    found = await owner.fetchrow(
        "select s.number, array_agg(e.id order by e.position, e.id) from audit_seals s"
        " join audit_entries e on e.position >= s.from_position and e.position < s.to_position"
        " group by s.number having count(*) >= 3 order by s.number limit 1"
    )
    assert found is not None
    number, ids = found
    await owner.execute("delete from audit_entries where id = $1", ids[1])
    (finding,) = (await verify(chain)).findings
    assert (finding.fault, finding.segment) == (Fault.ENTRY_REMOVED, number)
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
