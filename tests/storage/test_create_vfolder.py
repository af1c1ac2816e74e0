"""Creating vfolders."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import (
    ConnectionError,
    InvalidInput,
    PermissionError,
    StateConflict,
    UserNotFound,
    VfolderConflict,
    VfolderNotFound,
)
from tenantry.kernel.action import Actor, acting_as
from tenantry.storage.actions import CreateVfolderAction, GetVfolderAction
from tenantry.storage.model import VfolderStatus
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.storage import MemoryStorage, Trouble
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio


async def create(vfolders: Vfolders, name: str, **fields: Any) -> Any:
    action = CreateVfolderAction(name, **fields)
    return (await vfolders.run.create.wait_for_complete(action)).data


async def test_a_user_makes_a_folder_on_the_storage(
    on_disk: Vfolders, disk: LocalStorage, john: UserData
) -> None:
    with acting_as(john):
        made = await create(on_disk, "data")
        assert await on_disk.get(made) == made
    assert (made.name, made.owner, made.status) == ("data", "john", VfolderStatus.READY)
    assert (made.host, made.creator_id, made.tenant_id) == (HOST, john.id, john.tenant_id)
    assert await disk.list_folders(HOST) == {made.id}


async def test_creating_is_in_the_audit_with_its_folder(
    tenantry: App, vfolders: Vfolders, john: UserData
) -> None:
    with acting_as(john):
        made = await create(vfolders, "data")
    found = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="vfolder.create")
    )
    [entry] = found.items
    assert (entry.actor, entry.target, entry.target_id) == ("john", "data", made.id)
    assert entry.success


BAD_NAMES = {
    "": "empty",
    "a/b": "invalid_character",
    "/": "invalid_character",
    ".": "invalid_character",
    "..": "invalid_character",
    "a.b": "invalid_character",
    ".ssh": "invalid_character",
    "a\\b": "invalid_character",
    "a b": "invalid_character",
    " data": "invalid_character",
    "a\tb": "invalid_character",
    "a\nb": "invalid_character",
    "a\x7fb": "invalid_character",
    "a\x85b": "invalid_character",
    "a\u200bb": "invalid_character",
    "a\u200db": "invalid_character",
    "a\u202eb": "invalid_character",
    "a\u2066b": "invalid_character",
    "a\ufe0fb": "invalid_character",
    "a\u3164b": "invalid_character",
    "a\ue000b": "invalid_character",
    "a'b": "invalid_character",
    'a"b': "invalid_character",
    "a`b": "invalid_character",
    "\u201ca\u201d": "invalid_character",
    "a:b": "invalid_character",
    "a#b": "invalid_character",
    "\U0001f600": "invalid_character",
    "a\u2026": "invalid_character",  # becomes three dots
    "\u2100": "invalid_character",  # becomes a/c
    "\uff0f": "invalid_character",  # becomes a slash
    "\u0301a": "invalid_character",
    "-rf": "invalid_character",
    "a" * 256: "too_long",
    "\u00e9" * 128: "too_long",
    "a" * 5000: "too_long",
    "0190a7c4-5b1e-7c3a-9d2f-0a1b2c3d4e5f": "reserved",
    "0190A7C4-5B1E-7C3A-9D2F-0A1B2C3D4E5F": "reserved",
    "a\0b": "invalid_text",
    "\ud800": "invalid_text",
}


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name[:40]))
async def test_a_bad_name_is_refused_and_nothing_is_made(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData, name: str
) -> None:
    with acting_as(john), pytest.raises(InvalidInput) as caught:
        await create(vfolders, name)
    [violation] = caught.value.violations
    assert (violation.field, violation.code) == ("name", BAD_NAMES[name])
    assert await memory.list_folders(HOST) == set()


@pytest.mark.parametrize("name", ["a" * 255, "Daten_2026-07", "données", "データ", "a-", "1"])
async def test_a_good_name_is_kept_as_it_is(vfolders: Vfolders, john: UserData, name: str) -> None:
    with acting_as(john):
        assert (await create(vfolders, name)).name == name


@pytest.mark.parametrize("other", ["data", "DATA", "ｄａｔａ"])
async def test_a_name_is_taken_in_all_its_forms_but_for_its_owner_only(
    vfolders: Vfolders, john: UserData, jane: UserData, other: str
) -> None:
    with acting_as(john):
        await create(vfolders, "data")
        with pytest.raises(VfolderConflict) as caught:
            await create(vfolders, other)
    assert caught.value.field == "name"
    with acting_as(jane):
        await create(vfolders, other)


async def test_of_20_parallel_creates_of_one_name_one_wins(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData
) -> None:
    with acting_as(john):
        outcomes = await asyncio.gather(
            *(create(vfolders, "data") for _ in range(20)), return_exceptions=True
        )
    lost = [o for o in outcomes if isinstance(o, VfolderConflict)]
    assert len(lost) == 19
    assert len(await memory.list_folders(HOST)) == 1


async def test_the_policy_limits_the_count_however_many_ask_at_once(
    vfolders: Vfolders, memory: MemoryStorage, john: UserData
) -> None:
    with acting_as(john):
        outcomes = await asyncio.gather(
            *(create(vfolders, f"data-{n}") for n in range(14)), return_exceptions=True
        )
    refused = [o for o in outcomes if isinstance(o, StateConflict)]
    assert [o.data["maximum"] for o in refused] == [10] * 4
    assert len(await memory.list_folders(HOST)) == 10


async def test_a_policy_of_none_allows_no_folder(
    vfolders: Vfolders, john: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute("update resource_policies set max_vfolder_count = 0 where name = 'default'")
    with acting_as(john), pytest.raises(StateConflict):
        await create(vfolders, "data")


async def test_folders_in_trash_count_and_purged_ones_do_not(
    vfolders: Vfolders, john: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute("update resource_policies set max_vfolder_count = 1 where name = 'default'")
    made = await vfolders.make("data", john)
    await vfolders.trash(made)
    with acting_as(john), pytest.raises(StateConflict):
        await create(vfolders, "more")
    await vfolders.purge(made)
    with acting_as(john):
        await create(vfolders, "more")


async def test_a_host_must_be_one_that_there_is(vfolders: Vfolders, john: UserData) -> None:
    with acting_as(john):
        assert (await create(vfolders, "a", host="other")).host == "other"
        with pytest.raises(InvalidInput, match="local, other"):
            await create(vfolders, "b", host="third")


async def test_an_admin_makes_folders_for_users_of_the_own_tenant_only(
    vfolders: Vfolders, admin: UserData, john: UserData, stranger: UserData
) -> None:
    with acting_as(admin):
        assert (await create(vfolders, "data", owner="john")).owner == "john"
        with pytest.raises(UserNotFound) as caught:
            await create(vfolders, "data", owner="stranger")
        with pytest.raises(UserNotFound) as unknown:
            await create(vfolders, "data", owner="nobody")
    assert str(caught.value) == str(unknown.value)


async def test_a_user_makes_folders_for_nobody_else(
    vfolders: Vfolders, john: UserData, jane: UserData
) -> None:
    with acting_as(john), pytest.raises(PermissionError):
        await create(vfolders, "data", owner="jane")


async def test_a_monitor_changes_nothing_and_gets_nothing(
    tenantry: App, vfolders: Vfolders, admin: UserData
) -> None:
    monitor = await make_user(tenantry, "mona", role=UserRole.MONITOR)
    with acting_as(monitor), pytest.raises(PermissionError):
        await create(vfolders, "data")
    with acting_as(admin), pytest.raises(StateConflict):
        await create(vfolders, "data", owner="mona")


async def test_who_is_no_user_must_name_the_owner(vfolders: Vfolders, superadmin: Actor) -> None:
    with acting_as(superadmin), pytest.raises(InvalidInput) as caught:
        await create(vfolders, "data")
    assert caught.value.field == "owner"


@pytest.mark.parametrize("trouble", [Trouble.FAIL, Trouble.HANG])
async def test_a_storage_that_makes_no_folder_leaves_the_name_free(
    tenantry: App, memory: MemoryStorage, john: UserData, trouble: Trouble
) -> None:
    vfolders = Vfolders(tenantry, memory, patience=0.2)
    memory.troubles["create_folder"] = trouble
    with acting_as(john):
        with pytest.raises(ConnectionError):
            await create(vfolders, "data")
        memory.troubles.clear()
        made = await create(vfolders, "data")
    entries = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="vfolder.create")
    )
    assert [entry.outcome for entry in entries.items] == ["succeeded", "failed", "succeeded"]
    assert await vfolders.service.resume_deletions() == 1
    assert await memory.list_folders(HOST) == {made.id}


async def test_a_folder_half_made_by_a_process_that_died_is_finished(
    vfolders: Vfolders,
    memory: MemoryStorage,
    john: UserData,
    clock: ShiftedClock,
    owner: asyncpg.Connection,
) -> None:
    made = await vfolders.make("data", john)
    await memory.delete_folder(HOST, made.id)
    await owner.execute("update vfolders set status = 'performing'")
    await vfolders.service.resume_deletions()
    assert (await vfolders.get(made)).status is VfolderStatus.PERFORMING
    clock.advance(minutes=2)
    await vfolders.service.resume_deletions()
    assert (await vfolders.get(made)).status is VfolderStatus.READY
    assert await memory.list_folders(HOST) == {made.id}


async def test_a_folder_is_found_by_id_and_by_any_form_of_its_name(
    vfolders: Vfolders, john: UserData
) -> None:
    made = await vfolders.make("Data", john)
    with acting_as(john):
        for named in (str(made.id), str(made.id).upper(), "data", " DATA ", "ｄａｔａ"):
            result = await vfolders.run.get.wait_for_complete(GetVfolderAction(named))
            assert result.data == made
        for nothing in ("other", "", "..", "a\u200b" * 9000, str(uuid4())):
            with pytest.raises((VfolderNotFound, InvalidInput)):
                await vfolders.run.get.wait_for_complete(GetVfolderAction(nothing))
