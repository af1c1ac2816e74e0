"""Importing many users at once."""

import asyncio
from typing import Any

import asyncpg
import bcrypt
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import InvalidInput, NotAuthenticated, PermissionError
from tenantry.groups.actions import CreateGroupAction, ListMembersAction
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import ImportResult, ImportUsersAction
from tenantry.users.model import UserCreator, UserData, UserRole, UserStatus
from tests.conftest import Trail

pytestmark = pytest.mark.anyio


async def load(app: App, *rows: dict[str, Any], dry_run: bool = False) -> ImportResult:
    creators = [UserCreator(**row) for row in rows]
    action = ImportUsersAction(users=creators, dry_run=dry_run)
    return await app.users.import_users.wait_for_complete(action)


def told(result: ImportResult) -> list[tuple[str, str, str | None]]:
    return [(row.username, row.outcome, row.field) for row in result.rows]


async def test_rows_become_users_with_all_that_creating_one_gives(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    full: dict[str, Any] = {
        "username": "Ada",
        "email": "Ada@Example.com",
        "full_name": "Ada 'x\\y' Lovelace\u2028👩",
        "attributes": {"a": [1, {"b": None}], "quote": "\"'\\"},
        "role": UserRole.MONITOR,
        "status": UserStatus.SUSPENDED,
        "allowed_client_ip": ["10.*.*.*"],
        "container_gids": [1000, 2000],
        "resource_policy": "admin-policy",
    }
    assert told(await load(tenantry, full, {"username": "bob"})) == [
        ("Ada", "created", None),
        ("bob", "created", None),
    ]
    one_by_one = {**full, "username": "Eve", "email": "Eve@example.com"}
    await make_user(tenantry, password=None, **one_by_one)
    ignored = (
        "id username username_key email email_key search_text created_at modified_at "
        "main_access_key"
    ).split()
    rows = await owner.fetch("select * from users where username in ('Ada', 'Eve')")
    imported, created = ({n: v for n, v in row.items() if n not in ignored} for row in rows)
    assert imported == created


async def test_scenario_13_each_row_stands_or_falls_by_itself(
    tenantry: App, john: UserData
) -> None:
    result = await load(
        tenantry,
        {"username": "fine"},
        {"username": "JOHN"},
        {"username": "other", "email": "JOHN@example.com"},
        {"username": "Fine"},
        {"username": "twin", "email": "same@example.com"},
        {"username": "twain", "email": "Same@example.com"},
        {"username": "pg_bad"},
        {"username": "weak", "password": "short"},
        {"username": "both", "password": PASSWORD, "password_hash": "x"},
        {"username": "hash", "password_hash": "$2b$15$" + "a" * 53},
        {"username": "lost", "domain_name": "nowhere"},
        {"username": "rich", "resource_policy": "unlimited"},
        {"username": "gone", "status": UserStatus.DELETED},
        {"username": "too", "totp_activated": True},
        {"username": "also-fine", "password": PASSWORD},
    )
    assert told(result) == [
        ("fine", "created", None),
        ("JOHN", "refused", "username"),
        ("other", "refused", "email"),
        ("Fine", "refused", "username"),
        ("twin", "created", None),
        ("twain", "refused", "email"),
        ("pg_bad", "refused", "username"),
        ("weak", "refused", "password"),
        ("both", "refused", "password_hash"),
        ("hash", "refused", "password_hash"),
        ("lost", "refused", "domain_name"),
        ("rich", "refused", "resource_policy"),
        ("gone", "refused", "status"),
        ("too", "refused", "totp_activated"),
        ("also-fine", "created", None),
    ]
    assert [row.row for row in result.rows] == list(range(1, 16))


async def test_groups_are_joined_and_an_unknown_one_only_refuses_its_row(
    tenantry: App, other_tenant: str
) -> None:
    team = CreateGroupAction(name="Team A")
    group = (await tenantry.groups.create_group.wait_for_complete(team)).data
    elsewhere = CreateGroupAction(name="Elsewhere", domain_name=other_tenant)
    foreign = (await tenantry.groups.create_group.wait_for_complete(elsewhere)).data
    rows: list[dict[str, Any]] = [
        {"username": "ann", "group_ids": ["team a"]},
        {"username": "ben", "group_ids": ["Team A", "nobody's"]},
        {"username": "cleo", "group_ids": [str(foreign.id)]},
        {"username": "dora", "group_ids": [str(group.id), "Team A"]},
        {"username": "emil", "group_ids": ["Elsewhere"], "domain_name": other_tenant},
    ]
    expected = [
        ("ann", "created", None),
        ("ben", "refused", "group_ids"),
        ("cleo", "refused", "group_ids"),
        ("dora", "created", None),
        ("emil", "created", None),
    ]
    assert told(await load(tenantry, *rows, dry_run=True)) == expected
    assert told(await load(tenantry, *rows)) == expected
    listing = ListMembersAction(group=str(group.id))
    members = await tenantry.groups.list_members.wait_for_complete(listing)
    assert [member.username for member in members.items] == ["ann", "dora"]


async def test_repeating_an_import_changes_nothing(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    rows = [{"username": f"u{i}", "email": f"u{i}@example.com"} for i in range(5)]
    await load(tenantry, *rows)
    before = await owner.fetch("select * from users order by id")
    again = await load(tenantry, *rows, {"username": "new"})
    assert [outcome for _, outcome, _ in told(again)] == ["unchanged"] * 5 + ["created"]
    assert before == await owner.fetch("select * from users where username <> 'new' order by id")


async def test_a_trial_run_tells_the_same_and_stores_nothing(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    rows: list[dict[str, Any]] = [
        {"username": "ada", "password": PASSWORD},
        {"username": "john", "email": "john@example.com"},
        {"username": "john", "email": "jack@example.com"},
        {"username": "a b"},
    ]
    tried = await load(tenantry, *rows, dry_run=True)
    assert await owner.fetchval("select count(*) from users") == 2
    assert tried == await load(tenantry, *rows)


async def test_a_foreign_hash_logs_its_owner_in(tenantry: App) -> None:
    foreign = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await load(tenantry, {"username": "ada", "password_hash": foreign})
    login = await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("ada", PASSWORD))
    assert login.success


async def test_an_admin_imports_into_the_own_tenant_and_up_to_admins(
    tenantry: App, admin: UserData, other_tenant: str
) -> None:
    with acting_as(admin):
        result = await load(
            tenantry,
            {"username": "one", "role": UserRole.ADMIN},
            {"username": "two", "role": UserRole.SUPERADMIN},
            {"username": "three", "domain_name": other_tenant},
            {"username": "four", "domain_name": "nowhere"},
        )
    assert told(result) == [
        ("one", "created", None),
        ("two", "refused", "role"),
        ("three", "refused", "domain_name"),
        ("four", "refused", "domain_name"),
    ]
    messages = [row.message for row in result.rows[2:]]
    assert str(messages[0]).replace("other", "X") == str(messages[1]).replace("nowhere", "X")


async def test_rows_without_a_tenant_are_of_the_importers_own(
    tenantry: App, other_tenant: str
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN, domain_name=other_tenant)
    rows = ({"username": "one"}, {"username": "two", "domain_name": other_tenant})
    with acting_as(boss):
        result = await load(tenantry, *rows)
        assert told(result) == [("one", "created", None), ("two", "created", None)]
        again = await load(tenantry, *rows)
    assert [row.outcome for row in again.rows] == ["unchanged", "unchanged"]


async def test_somebody_of_another_tenant_is_not_reported_as_there_already(
    tenantry: App, admin: UserData, stranger: UserData
) -> None:
    row = {"username": "stranger", "email": stranger.email}
    with acting_as(admin):
        assert told(await load(tenantry, row)) == [("stranger", "refused", "username")]


async def test_a_superadmin_imports_anybody_anywhere(
    tenantry: App, superadmin: Actor, other_tenant: str
) -> None:
    row = {"username": "boss", "role": UserRole.SUPERADMIN, "domain_name": other_tenant}
    with acting_as(superadmin):
        assert told(await load(tenantry, row)) == [("boss", "created", None)]


async def test_others_import_nobody(
    tenantry: App, john: UserData, monitor: UserData, trail: Trail
) -> None:
    for who in (john, monitor):
        with acting_as(who), pytest.raises(PermissionError):
            await load(tenantry, {"username": "ada"})
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await load(tenantry, {"username": "ada"})
    entries = await trail("user.import")
    assert [entry.outcome for entry in entries] == [Outcome.DENIED] * 3
    assert {entry.target for entry in entries} == {"1 rows"}


async def test_the_same_rows_at_once_make_each_user_once(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    rows = [{"username": f"u{i:03}", "email": f"u{i}@example.com"} for i in range(100)]
    forward, backward = await asyncio.gather(load(tenantry, *rows), load(tenantry, *reversed(rows)))
    assert await owner.fetchval("select count(*) from users where username ~ '^u'") == 100
    outcomes = [{name: outcome for name, outcome, _ in told(r)} for r in (forward, backward)]
    for row in rows:
        pair = sorted(outcome[row["username"]] for outcome in outcomes)
        assert pair in (["created", "refused"], ["created", "unchanged"])


async def test_every_imported_user_has_an_entry_and_every_other_row_none(
    tenantry: App, admin: UserData, trail: Trail
) -> None:
    with acting_as(admin):
        await load(tenantry, {"username": "ada"}, {"username": "a b"}, {"username": "bob"})
    entries = await trail("user.import")
    assert {entry.target for entry in entries} == {"ada", "bob"}
    assert {entry.outcome for entry in entries} == {Outcome.SUCCEEDED}
    assert {entry.actor_id for entry in entries} == {admin.id}
    assert len({entry.run_id for entry in entries}) == 1


@pytest.mark.parametrize(
    ("users", "field"),
    [
        ([UserCreator(username="x")] * 1001, "users"),
        (["x"], "users"),
        ("x", "users"),
    ],
    ids=["too many", "no creators", "no list"],
)
async def test_what_is_no_list_of_users_is_refused(tenantry: App, users: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tenantry.users.import_users.wait_for_complete(ImportUsersAction(users=users))
    assert str(refused.value.field).startswith(field)


async def test_bad_values_of_any_type_only_refuse_their_row(tenantry: App) -> None:
    rows: list[dict[str, Any]] = [
        {"username": 5},
        {"username": "\ud800"},
        {"username": "a", "email": 5},
        {"username": "b", "password": 5},
        {"username": "c", "password_hash": 5},
        {"username": "d", "attributes": {"x": "\0"}},
        {"username": "e", "description": "x" * 10_000_000},
        {"username": "f", "allowed_client_ip": ["10.0.0.1/8"]},
        {"username": "g", "container_gids": [0]},
        {"username": "h", "is_active": "no"},
    ]
    outcomes = told(await load(tenantry, *rows))
    assert [outcome for _, outcome, _ in outcomes] == ["refused"] * len(rows)
    fields = [field for _, _, field in outcomes]
    expected = "username username email password password_hash attributes description".split()
    assert fields == [*expected, "allowed_client_ip", "container_gids", "is_active"]
