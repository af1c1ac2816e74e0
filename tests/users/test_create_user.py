"""Creating a user."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    NotAuthenticated,
    PasswordRejected,
    PermissionError,
    UserConflict,
    UserCreationBadRequest,
)
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import CreateUserAction, DeleteUserAction
from tenantry.users.model import UserCreator, UserData, UserRole, UserStatus
from tests.conftest import Trail

pytestmark = pytest.mark.anyio


async def create(app: App, **fields: Any) -> UserData:
    action = CreateUserAction(input=UserCreator(**fields))
    return (await app.users.create_user.wait_for_complete(action)).data


async def count(owner: asyncpg.Connection, username: str) -> int:
    found = await owner.fetchval("select count(*) from users where username = $1", username)
    assert isinstance(found, int)
    return found


async def test_what_is_not_said_has_the_documented_default(tenantry: App) -> None:
    user = await create(tenantry, username="ada")
    assert (user.role, user.status, user.domain_name) == ("user", "active", "default")
    assert (user.resource_policy, user.version) == ("default", 1)
    assert (user.sudo_session_enabled, user.totp_activated) == (False, False)
    assert user.need_password_change is False
    assert user.attributes == {}
    assert user.created_at == user.modified_at
    missing = (
        "email full_name description department phone status_info allowed_client_ip "
        "totp_activated_at container_uid container_main_gid container_gids integration_name "
        "last_login password_changed_at deleted_at"
    )
    assert {name: getattr(user, name) for name in missing.split()} == dict.fromkeys(missing.split())


async def test_scenario_01_every_field_comes_back_as_it_was_given(tenantry: App) -> None:
    given: dict[str, Any] = {
        "username": "Ada.Lovelace",
        "email": "ada@example.com",
        "need_password_change": True,
        "full_name": "Ada Lovelace 👩‍💻",
        "description": "two\nlines",
        "department": "Analysis",
        "phone": "+44 20 7946 0000",
        "attributes": {"badge": 7, "tags": ["a", {"b": None}]},
        "status": UserStatus.SUSPENDED,
        "role": UserRole.MONITOR,
        "resource_policy": "admin-policy",
        "sudo_session_enabled": True,
        "container_uid": 1000,
        "container_main_gid": 2**31 - 1,
        "container_gids": [1001, 1002],
        "integration_name": "ldap-7",
    }
    user = await create(tenantry, password=PASSWORD, **given)
    assert {name: getattr(user, name) for name in given} == given
    assert user.password_changed_at == user.created_at


async def test_addresses_are_stored_in_their_one_form(tenantry: App) -> None:
    given = ["10.1.*.*", "::ffff:192.168.1.5", "192.168.2.0/24", "10.1.0.0/16", "2001:DB8::1"]
    user = await create(tenantry, username="ada", allowed_client_ip=given)
    expected = ["10.1.0.0/16", "192.168.1.5/32", "192.168.2.0/24", "2001:db8::1/128"]
    assert user.allowed_client_ip == expected


@pytest.mark.parametrize(
    ("is_active", "status", "expected"),
    [
        (None, None, UserStatus.ACTIVE),
        (True, None, UserStatus.ACTIVE),
        (False, None, UserStatus.INACTIVE),
        (True, UserStatus.SUSPENDED, UserStatus.SUSPENDED),
        (False, UserStatus.ACTIVE, UserStatus.ACTIVE),
    ],
)
async def test_the_status_wins_over_is_active(
    tenantry: App, is_active: bool | None, status: UserStatus | None, expected: UserStatus
) -> None:
    user = await create(tenantry, username="ada", is_active=is_active, status=status)
    assert user.status is expected


async def test_a_superadmin_creates_anybody_anywhere(
    tenantry: App, superadmin: Actor, other_tenant: str
) -> None:
    with acting_as(superadmin):
        for role in UserRole:
            user = await create(
                tenantry, username=f"new-{role}", role=role, domain_name=other_tenant
            )
            assert (user.role, user.domain_name) == (role, other_tenant)


async def test_an_admin_creates_up_to_an_admin_in_the_own_tenant(
    tenantry: App, admin: UserData
) -> None:
    with acting_as(admin):
        for role in (UserRole.USER, UserRole.MONITOR, UserRole.ADMIN):
            assert (await create(tenantry, username=f"new-{role}", role=role)).role is role


async def test_who_is_made_by_a_tenants_admin_is_of_that_tenant_unless_said(
    tenantry: App, other_tenant: str, owner: asyncpg.Connection
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN, domain_name=other_tenant)
    with acting_as(boss):
        assert (await create(tenantry, username="new")).domain_name == other_tenant
        # It is that tenant's name which the password must not be, too.
        with pytest.raises(PasswordRejected):
            await create(tenantry, username="next", password="other-other-other")
        with pytest.raises(UserCreationBadRequest):
            await create(tenantry, username="next", domain_name="default")
    assert await count(owner, "next") == 0


async def test_an_admin_makes_no_superadmin(
    tenantry: App, admin: UserData, owner: asyncpg.Connection
) -> None:
    with acting_as(admin), pytest.raises(PermissionError) as refused:
        await create(tenantry, username="boss", role=UserRole.SUPERADMIN)
    assert refused.value.field == "role"
    assert await count(owner, "boss") == 0


async def test_another_tenant_is_like_none_for_an_admin(
    tenantry: App, admin: UserData, other_tenant: str
) -> None:
    answers = []
    with acting_as(admin):
        for tenant in (other_tenant, "nowhere"):
            with pytest.raises(UserCreationBadRequest) as refused:
                await create(tenantry, username="spy", domain_name=tenant)
            assert refused.value.field == "domain_name"
            answers.append((refused.value.code, refused.value.message.replace(tenant, "X")))
    assert answers[0] == answers[1]


async def test_monitors_and_users_create_nobody(
    tenantry: App, john: UserData, monitor: UserData, owner: asyncpg.Connection
) -> None:
    for who in (john, monitor):
        with acting_as(who), pytest.raises(PermissionError):
            await create(tenantry, username="ada")
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await create(tenantry, username="ada")
    assert await count(owner, "ada") == 0


@pytest.mark.parametrize("name", ["john", "JOHN", "ｊｏｈｎ", "Jᴼhn"])
async def test_scenario_09_a_taken_name_in_any_form_is_a_conflict_on_the_username(
    tenantry: App, john: UserData, name: str
) -> None:
    with pytest.raises(UserConflict) as refused:
        await create(tenantry, username=name)
    assert refused.value.field == "username"


@pytest.mark.parametrize("email", ["john@example.com", "JOHN@EXAMPLE.COM", "John@Example.com"])
async def test_scenario_08_a_taken_address_in_any_form_is_a_conflict_on_the_email(
    tenantry: App, john: UserData, email: str
) -> None:
    with pytest.raises(UserConflict) as refused:
        await create(tenantry, username="johnny", email=email)
    assert refused.value.field == "email"


async def test_a_deleted_users_name_and_address_stay_taken(tenantry: App, john: UserData) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    for fields, field in (
        ({"username": "john"}, "username"),
        ({"username": "johnny", "email": john.email}, "email"),
    ):
        with pytest.raises(UserConflict) as refused:
            await create(tenantry, **fields)
        assert refused.value.field == field


async def test_two_users_without_an_address_are_no_conflict(tenantry: App) -> None:
    assert (await create(tenantry, username="one")).email is None
    assert (await create(tenantry, username="two")).email is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"domain_name": "nowhere"}, "domain_name"),
        ({"resource_policy": "nothing"}, "resource_policy"),
        ({"status": UserStatus.DELETED}, "status"),
        ({"totp_activated": True}, "totp_activated"),
        ({"password": PASSWORD, "password_hash": "$2b$04$" + "a" * 53}, "password_hash"),
        ({"password_hash": "plain text"}, "password_hash"),
        ({"password_hash": "$2b$15$" + "a" * 53}, "password_hash"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else value,
)
async def test_scenario_02_12_what_cannot_be_is_refused_by_the_name_of_its_field(
    tenantry: App, fields: dict[str, Any], field: str, owner: asyncpg.Connection
) -> None:
    with pytest.raises(UserCreationBadRequest) as refused:
        await create(tenantry, username="ada", **fields)
    assert refused.value.field == field
    assert await count(owner, "ada") == 0


async def test_all_wrong_fields_are_named_at_once(tenantry: App) -> None:
    with pytest.raises(UserCreationBadRequest) as refused:
        await create(tenantry, username="a b", email="nobody", container_uid=0, phone="x" * 100)
    named = {violation.field for violation in refused.value.violations}
    assert named == {"username", "email", "container_uid", "phone"}


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "too_short"),
        ("x" * 129, "too_long"),
        ("x" * 1_000_000, "too_long"),
        ("ada-lovelace1815", "context_word"),
        ("Tenantry123456", "context_word"),
    ],
    ids=["short", "long", "huge", "name", "product"],
)
async def test_a_password_against_the_policy_is_refused_and_not_repeated(
    tenantry: App, password: str, code: str, owner: asyncpg.Connection
) -> None:
    with pytest.raises(PasswordRejected) as refused:
        await create(tenantry, username="ada-lovelace", password=password)
    assert refused.value.violations[0].field == "password"
    assert refused.value.violations[0].code == code
    assert password not in str(refused.value)
    assert await count(owner, "ada-lovelace") == 0


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        " " * 12,
        "x" * 128,
        "𝄞" * 128,
        "pass\0word with nul",
        "é" * 12,
    ],
    ids=["words", "spaces", "longest", "four-bytes", "nul", "accents"],
)
async def test_any_long_enough_password_without_a_composition_rule_is_taken(
    tenantry: App, password: str
) -> None:
    assert (await create(tenantry, username="ada", password=password)).password_changed_at


async def test_of_two_who_create_the_same_at_once_one_gets_the_conflict(tenantry: App) -> None:
    attempts = [create(tenantry, username="ada", email=f"ada{i}@example.com") for i in range(2)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [result for result in results if isinstance(result, UserConflict)]
    assert [error.field for error in refused] == ["username"]
    assert sum(isinstance(result, UserData) for result in results) == 1


async def test_a_creation_leaves_one_entry_that_names_the_user(
    tenantry: App, admin: UserData, trail: Trail
) -> None:
    with acting_as(admin):
        user = await create(tenantry, username="ada", password=PASSWORD, role=UserRole.MONITOR)
    entry = (await trail("user.create"))[0]
    assert (entry.outcome, entry.reason) == (Outcome.SUCCEEDED, None)
    assert (entry.actor, entry.actor_id) == (admin.username, admin.id)
    assert (entry.target, entry.target_id, entry.tenant_id) == ("ada", user.id, user.tenant_id)
    assert entry.changes == {"status": [None, "active"], "role": [None, "monitor"]}


async def test_a_denied_creation_leaves_an_entry_too(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    before = len(await trail("user.create"))
    with acting_as(john), pytest.raises(PermissionError):
        await create(tenantry, username="ada")
    entries = await trail("user.create")
    assert len(entries) == before + 1
    assert (entries[0].outcome, entries[0].reason) == (Outcome.DENIED, "permission_denied")
    assert (entries[0].actor, entries[0].target) == ("john", "ada")


async def test_a_failed_creation_leaves_an_entry_too(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    before = len(await trail("user.create"))
    with pytest.raises(UserConflict):
        await create(tenantry, username="john")
    with pytest.raises(UserCreationBadRequest):
        await create(tenantry, username="a\0b\ud800")
    entries = await trail("user.create")
    assert len(entries) == before + 2
    assert [entry.outcome for entry in entries[:2]] == [Outcome.FAILED, Outcome.FAILED]
    assert [entry.reason for entry in entries[:2]] == ["user_creation_bad_request", "user_conflict"]


async def test_nothing_that_is_returned_holds_the_password_or_its_hash(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    user = await make_user(tenantry, "ada")
    stored = await owner.fetchval("select password_hash from users where username = 'ada'")
    assert stored.startswith("$argon2id$")
    shown = repr(user) + repr(UserCreator(username="ada", password=PASSWORD))
    assert PASSWORD not in shown
    assert stored not in shown
