"""Exactly one key of a user is the main one, whoever switches at the same time."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tenantry.access_keys.actions import (
    DeactivateAccessKeyAction,
    RevokeAccessKeyAction,
    SwitchMainAccessKeyAction,
)
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.errors import StateConflict
from tenantry.kernel.action import acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData
from tests.conftest import Trail

from .conftest import Issue, Keys

pytestmark = pytest.mark.anyio


async def test_twenty_naive_switches_at_once_leave_many_main_keys(
    owner: asyncpg.Connection,
) -> None:
    """What goes wrong where the present main key is read first and there is no unique index."""
    await owner.execute("create temporary table naive_keys (access_key int, is_main boolean)")
    await owner.execute("insert into naive_keys select i, i = 0 from generate_series(0, 20) i")
    everybody_has_read = asyncio.Barrier(20)
    one_at_a_time = asyncio.Lock()

    async def switch(number: int) -> None:
        async with one_at_a_time:
            main = await owner.fetchval("select access_key from naive_keys where is_main limit 1")
        await everybody_has_read.wait()
        async with one_at_a_time:
            unmark = "update naive_keys set is_main = false where access_key = $1"
            await owner.execute(unmark, main)
            mark = "update naive_keys set is_main = true where access_key = $1"
            await owner.execute(mark, number)

    await asyncio.gather(*(switch(number) for number in range(1, 21)))
    assert await owner.fetchval("select count(*) from naive_keys where is_main") > 1


async def test_scenario_41_twenty_switches_at_once_leave_one_main_key(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, keys_of: Keys, trail: Trail
) -> None:
    names = [(await issue(amy)).key.access_key for _ in range(20)]
    with acting_as(amy):
        switching = (
            access_keys.switch_main.wait_for_complete(SwitchMainAccessKeyAction(name))
            for name in names
        )
        ended = await asyncio.gather(*switching)
    mains = [key.access_key for key in await keys_of(amy) if key.is_main]
    assert len(mains) == 1
    assert all(result.data.is_main for result in ended)
    moves = [entry.changes["main_access_key"] for entry in await trail("access_key.switch_main")]
    assert sorted(after for _, after in moves) == sorted(names)
    assert len({before for before, _ in moves}) == 20


async def test_the_schema_itself_holds_one_main_key(
    amy: UserData, issue: Issue, owner: asyncpg.Connection
) -> None:
    name = (await issue(amy)).key.access_key
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute("update access_keys set is_main = true where access_key = $1", name)


async def test_switching_to_the_main_key_itself_changes_nothing(
    access_keys: AccessKeyProcessors, amy: UserData, keys_of: Keys
) -> None:
    [main] = await keys_of(amy)
    action = SwitchMainAccessKeyAction(main.access_key)
    assert (await access_keys.switch_main.wait_for_complete(action)).data == main


async def test_scenario_41_an_inactive_or_expired_key_does_not_become_the_main_one(
    access_keys: AccessKeyProcessors,
    amy: UserData,
    issue: Issue,
    keys_of: Keys,
    clock: ShiftedClock,
) -> None:
    stopped = (await issue(amy)).key.access_key
    await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(stopped))
    expired = (await issue(amy, expires_at=clock.now() + timedelta(minutes=1))).key.access_key
    clock.advance(minutes=1)
    for name in (stopped, expired):
        with acting_as(amy), pytest.raises(StateConflict) as refused:
            await access_keys.switch_main.wait_for_complete(SwitchMainAccessKeyAction(name))
        assert refused.value.field == "main_access_key"
    assert [key.is_main for key in await keys_of(amy)] == [True, False, False]


async def test_the_former_main_key_can_be_revoked(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, keys_of: Keys
) -> None:
    [old] = await keys_of(amy)
    new = (await issue(amy)).key.access_key
    with acting_as(amy):
        await access_keys.switch_main.wait_for_complete(SwitchMainAccessKeyAction(new))
        await access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(old.access_key))
    assert [(key.access_key, key.is_main) for key in await keys_of(amy)] == [(new, True)]


async def test_revoking_and_switching_to_one_key_at_once_never_leaves_none(
    access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, keys_of: Keys
) -> None:
    for _ in range(10):
        name = (await issue(amy)).key.access_key
        with acting_as(amy):
            await asyncio.gather(
                access_keys.switch_main.wait_for_complete(SwitchMainAccessKeyAction(name)),
                access_keys.revoke.wait_for_complete(RevokeAccessKeyAction(name)),
                return_exceptions=True,
            )
        assert sum(key.is_main for key in await keys_of(amy)) == 1
