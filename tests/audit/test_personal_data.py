"""What the audit knows of a person is sealed with the person's keys, which a purge destroys."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from tenantry.adapters.cipher import new_key_line
from tenantry.app import App, open_app
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import ConfigurationError, PermissionError
from tenantry.groups.actions import AddMemberAction, CreateGroupAction
from tenantry.kernel.action import Outcome, acting_as
from tenantry.kernel.modifier import TriState
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, ModifyUserAction, PurgeUserAction
from tenantry.users.model import UserData, UserModifier

from .conftest import HERE, Search, log_in, seal, verify

pytestmark = pytest.mark.anyio

STORED = "select string_agg(e::text, '') from audit_entries e"
TELLING = ("john", "John", "example.com", "203.0.113.7", "test/1", "sesame street")


async def rename(app: App, user: str, full_name: str) -> None:
    modifier = UserModifier(full_name=TriState.update(full_name))
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user=user, modifier=modifier))


async def purge(app: App, user: str) -> None:
    await app.users.purge_user.wait_for_complete(PurgeUserAction(user=user))


@pytest.fixture
async def life(tenantry: App, john: UserData, admin: UserData) -> UserData:
    """Everything that can make entries about john, some of it done by others."""
    await log_in(tenantry, "john", "wrong passphrase")
    await log_in(tenantry, "john")
    with acting_as(john, HERE):
        await rename(tenantry, "john", "sesame street")
        with pytest.raises(PermissionError):
            await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="root"))
    with acting_as(admin):
        group = CreateGroupAction(name="lab")
        await tenantry.groups.create_group.wait_for_complete(group)
        await tenantry.groups.add_member.wait_for_complete(AddMemberAction("lab", "john"))
    jane = await make_user(tenantry, "jane")
    with acting_as(jane), pytest.raises(PermissionError):
        await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    return john


async def test_the_tables_hold_nothing_that_tells_who_somebody_is(
    tenantry: App, life: UserData, owner: asyncpg.Connection
) -> None:
    stored = await owner.fetchval(STORED)
    assert [word for word in TELLING if word in stored] == []


async def test_who_may_read_sees_names_addresses_and_values(
    tenantry: App, life: UserData, search: Search
) -> None:
    shown = msgspec.json.encode(await search(user="john")).decode()
    assert [word for word in TELLING if word not in shown and word != "example.com"] == []


async def test_after_a_purge_only_a_pseudonym_is_left_wherever_one_looks(
    tenantry: App, life: UserData, search: Search
) -> None:
    before = await search(user="john")
    await purge(tenantry, "john")
    everything = await search()
    shown = msgspec.json.encode([e for e in everything if e.username != "jane"]).decode()
    assert [word for word in TELLING if word in shown] == []
    assert {entry.id for entry in before} <= {entry.id for entry in everything}
    pseudonym = f"purged-{life.id}"
    found = await search(user=pseudonym)
    assert {entry.id for entry in before} <= {entry.id for entry in found}
    assert {entry.actor for entry in found if entry.actor_id == life.id} == {pseudonym}
    assert {entry.target for entry in found if entry.target_id == life.id} == {pseudonym}


async def test_no_search_by_what_is_gone_ties_it_to_the_pseudonym(
    tenantry: App, life: UserData, search: Search
) -> None:
    assert len(await search(address="203.0.113.7")) == 4
    await purge(tenantry, "john")
    assert await search(address="203.0.113.7") == []
    assert [e.target_id for e in await search(user="john")] == []
    assert await search(target_name="john") == []


async def test_others_keep_what_is_theirs(tenantry: App, life: UserData, search: Search) -> None:
    await log_in(tenantry, "jane")
    await purge(tenantry, "john")
    (entry,) = await search(address="203.0.113.7")
    assert (entry.username, entry.user_agent) == ("jane", "test/1")


async def test_a_new_user_of_the_name_inherits_no_entries(
    tenantry: App, life: UserData, search: Search
) -> None:
    await purge(tenantry, "john")
    fresh = await make_user(tenantry, "john")
    assert [entry.action for entry in await search(user="john")] == ["user.create"]
    with acting_as(fresh):
        assert len(await search()) == 1


async def test_keys_that_come_back_with_a_backup_open_nothing(
    tenantry: App, life: UserData, owner: asyncpg.Connection, search: Search, clock: ShiftedClock
) -> None:
    keys = await owner.fetch("select * from audit_keys where person_id = $1", life.id)
    assert keys
    await purge(tenantry, "john")
    assert await owner.fetchval("select count(*) from audit_keys where person_id = $1", life.id) < 2
    await owner.executemany(
        "insert into audit_keys (at, id, person_id, wrapped) values ($1, $2, $3, $4)",
        [tuple(key) for key in keys],
    )
    shown = msgspec.json.encode(await search(user=str(life.id))).decode()
    assert "sesame street" not in shown
    await tenantry.audit_parts.upkeep.destroy_late_keys(whole=True)
    assert (
        await owner.fetchval("select count(*) from audit_keys where person_id = $1", life.id) == 0
    )


async def test_without_the_erasure_the_same_keys_would_open_everything(
    tenantry: App, life: UserData, owner: asyncpg.Connection, search: Search
) -> None:
    keys = await owner.fetch("select * from audit_keys where person_id = $1", life.id)
    await purge(tenantry, "john")
    await owner.executemany(
        "insert into audit_keys (at, id, person_id, wrapped) values ($1, $2, $3, $4)",
        [tuple(key) for key in keys],
    )
    await owner.execute("delete from audit_erasures")
    assert "sesame street" in msgspec.json.encode(await search(user=str(life.id))).decode()


async def test_an_entry_and_its_key_are_one_statement(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    """A key is remembered when it is committed, and not before."""
    count = "select count(*) from audit_keys where person_id = $1"
    before = await owner.fetchval(count, john.id)
    with acting_as(john):
        for name in ("a", "b", "c"):
            await rename(tenantry, "john", name)
    assert await owner.fetchval(count, john.id) == before
    await owner.execute("revoke insert on audit_keys from tenantry_app")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await make_user(tenantry, "jane")
    finally:
        await owner.execute("grant insert on audit_keys to tenantry_app")
    jane = await make_user(tenantry, "jane")
    assert await owner.fetchval(count, jane.id) > 0


async def test_a_month_has_keys_of_its_own(
    tenantry: App, john: UserData, owner: asyncpg.Connection, clock: ShiftedClock, search: Search
) -> None:
    clock.advance(days=32)
    await rename(tenantry, "john", "Later")
    months = await owner.fetch(
        "select distinct date_trunc('month', at) from audit_keys where person_id = $1", john.id
    )
    assert len(months) == 2
    assert len(await search(user="john")) == 2


async def test_a_box_that_was_moved_to_another_entry_is_not_believed(
    tenantry: App, life: UserData, owner: asyncpg.Connection, search: Search
) -> None:
    first, second, *_ = [e for e in await search(action="login") if e.target_id == life.id]
    await owner.execute(
        "update audit_entries set box = (select box from audit_entries where id = $1)"
        " where id = $2",
        first.id,
        second.id,
    )
    (moved,) = [entry for entry in await search(action="login") if entry.id == second.id]
    assert (moved.target, moved.ip_address) == (None, None)


async def test_a_denial_belongs_to_the_person_it_names(
    tenantry: App, life: UserData, search: Search
) -> None:
    (denied,) = await search(outcome=Outcome.DENIED, user="john", actor="jane")
    assert (denied.target, denied.target_id, denied.person_id) == ("john", None, life.id)


@pytest.fixture
async def rotated(tenantry: App, life: UserData, settings: Settings) -> tuple[Settings, str]:
    """The key file with a new key before the old one, and the old line."""
    path = settings.data_dir / "secret.keys"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    path.write_text("\n".join([new_key_line(), *lines]))
    return settings, lines[0]


async def test_a_change_of_the_installations_key_loses_no_entry(
    rotated: tuple[Settings, str], clock: ShiftedClock, life: UserData
) -> None:
    settings, old = rotated
    async with open_app(settings, clock=clock, upkeep=False) as app:
        assert await app.audit_parts.upkeep.rewrap() > 3
        assert await app.audit_parts.upkeep.rewrap() == 0
    path = settings.data_dir / "secret.keys"
    path.write_text(path.read_text().replace(old, ""))
    async with open_app(settings, clock=clock, upkeep=False) as app:
        search = SearchAuditAction(user="john", address="203.0.113.7")
        found = (await app.audit.search.wait_for_complete(search)).items
        assert {entry.ip_address for entry in found} == {"203.0.113.7"}


async def test_with_another_key_file_the_server_does_not_start(
    tenantry: App, life: UserData, settings: Settings, clock: ShiftedClock
) -> None:
    (settings.data_dir / "secret.keys").write_text(new_key_line())
    with pytest.raises(ConfigurationError):
        async with open_app(settings, clock=clock, upkeep=False):
            pytest.fail("it started")


async def test_entries_of_the_release_before_are_read_and_forgotten_likewise(
    tenantry: App, john: UserData, owner: asyncpg.Connection, search: Search
) -> None:
    await owner.execute(
        "insert into audit_entries (tenant_id, at, id, run_id, action, outcome, actor, actor_id,"
        " target, target_id, address, user_agent, face, changes) values ($1, $2, $3, $3,"
        " 'user.modify', 'succeeded', 'john', $4, 'john', $4, '203.0.113.9', 'old/1', 'http',"
        ' \'{"full_name": ["John", "Johnny"]}\')',
        john.tenant_id,
        tenantry.clock.now() + timedelta(seconds=1),
        john.tenant_id,
        john.id,
    )
    entry = (await search(user="john"))[0]
    assert (entry.actor, entry.target, entry.ip_address) == ("john", "john", "203.0.113.9")
    assert entry.changes == {"full_name": ["John", "Johnny"]}
    await seal(tenantry)
    await purge(tenantry, "john")
    await seal(tenantry)
    assert (await verify(tenantry)).findings == []
    entry = next(e for e in await search(user=str(john.id)) if e.action == "user.modify")
    assert (entry.actor, entry.target, entry.ip_address) == (*[f"purged-{john.id}"] * 2, None)
    assert entry.changes == {}
