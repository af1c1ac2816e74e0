"""What servers do for the audit by themselves."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import asyncpg
import pytest

from tenantry.app import App, open_app
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import PurgeUserAction

from .conftest import verify

pytestmark = pytest.mark.anyio


async def until_sealed(app: App) -> None:
    """Wait for the upkeep, which destroys late keys before it seals."""
    async with asyncio.timeout(20):
        while True:
            if not (await verify(app)).unsealed:
                return
            await asyncio.sleep(0.05)


async def test_a_server_seals_by_itself_and_destroys_keys_that_came_late(
    settings: Settings, clock: ShiftedClock, tenantry: object, owner: asyncpg.Connection
) -> None:
    quick = replace(settings, audit_seal_seconds=0.1)
    async with open_app(quick, clock=clock, upkeep=False) as app:
        john = await make_user(app, "john")
        keys = await owner.fetch("select * from audit_keys where person_id = $1", john.id)
        await app.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
        await owner.executemany(
            "insert into audit_keys (at, id, person_id, wrapped) values ($1, $2, $3, $4)",
            [tuple(key) for key in keys],
        )
        upkeep = asyncio.create_task(app.audit_parts.upkeep.run_forever())
        try:
            await until_sealed(app)
            left = "select count(*) from audit_keys where person_id = $1"
            assert await owner.fetchval(left, john.id) == 0
        finally:
            upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await upkeep
        assert (await verify(app)).findings == []


async def test_one_part_that_fails_keeps_the_others_from_nothing(
    settings: Settings,
    clock: ShiftedClock,
    tenantry: object,
    owner: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    quick = replace(settings, audit_seal_seconds=0.1)
    async with open_app(quick, clock=clock, upkeep=False) as app:
        await make_user(app, "john")
        await owner.execute("revoke delete on audit_keys from tenantry_app")
        upkeep = asyncio.create_task(app.audit_parts.upkeep.run_forever())
        try:
            await until_sealed(app)
        finally:
            upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await upkeep
            await owner.execute("grant delete on audit_keys to tenantry_app")
    assert "upkeep failed" in caplog.text


async def test_the_figures_tell_of_entries_that_nobody_vouches_for_and_of_the_last_seal(
    tenantry: App, clock: ShiftedClock
) -> None:
    await make_user(tenantry, "john")
    before = await tenantry.audit_parts.figures()
    assert before["audit_unsealed_entries"] >= 1
    clock.advance(seconds=60)
    assert (await tenantry.audit_parts.figures())["audit_seal_age_seconds"] >= 60
    await tenantry.audit_parts.sealer.seal_all()
    after = await tenantry.audit_parts.figures()
    assert after["audit_unsealed_entries"] == 0
    assert after["audit_seal_age_seconds"] < 30
