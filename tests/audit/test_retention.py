"""Months come and go: what retention drops, and what it leaves verifiable."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from tenantry import bootstrap
from tenantry.app import App, open_app
from tenantry.audit.actions import (
    ApplyAuditRetentionAction,
    ShowAuditRetentionAction,
)
from tenantry.audit.chain import Fault
from tenantry.audit.months import Month
from tenantry.kernel.transaction import Statement
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user

from .conftest import ADD, Search, faults, log_in, seal, verify

pytestmark = pytest.mark.anyio


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


async def test_by_default_everything_is_kept(chain: App, search: Search) -> None:
    before = await search()
    applied = await chain.audit.apply_retention.wait_for_complete(ApplyAuditRetentionAction())
    assert (applied.keep_months, applied.dropped) == (None, [])
    assert [e.id for e in (await search())[-len(before) :]] == [e.id for e in before]


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
