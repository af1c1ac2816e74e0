"""Creating tenants, with an admin who is made or moved."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    InvalidInput,
    LastAdministrator,
    PermissionError,
    StateConflict,
    TenantConflict,
    UserConflict,
)
from tenantry.kernel.action import acting_as
from tenantry.tenants.actions import CreateTenantAction
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole, UserStatus
from tests.conftest import Trail
from tests.tenants.conftest import FindTenant, FindUser, MakeTenant

pytestmark = pytest.mark.anyio


async def test_a_tenant_is_made_and_found_by_name_and_id(
    make_tenant: MakeTenant, find_tenant: FindTenant
) -> None:
    made = await make_tenant("Acme", description="Makers of anvils")
    assert (made.name, made.status, made.isolated) == ("Acme", "active", False)
    assert (made.user_count, made.database_count, made.max_users) == (0, 0, None)
    assert made.admin_username is None
    for named in ("ACME", " acme ", str(made.id)):
        found = await find_tenant(named)
        assert found is not None
        assert found.id == made.id
    assert await find_tenant("nobody") is None


async def test_an_admin_who_is_new_is_made_and_gets_a_token_once(
    make_tenant: MakeTenant, find_user: FindUser, owner: asyncpg.Connection
) -> None:
    made = await make_tenant("acme", admin_username="wile", admin_email="wile@example.com")
    admin = await find_user("wile")
    assert admin is not None
    expected = (UserRole.ADMIN, "acme", "wile@example.com", "wile")
    assert (admin.role, admin.domain_name, admin.email, made.admin_username) == expected
    assert admin.main_access_key is not None
    assert made.admin_token is not None
    assert made.admin_token not in repr(made)
    assert made.user_count == 1
    assert await owner.fetchval("select password_hash from users where username = 'wile'") is None
    held = await owner.fetchval("select count(*) from password_tokens where user_id = $1", admin.id)
    assert held == 1


async def test_a_user_who_exists_is_moved_and_becomes_the_admin(
    make_tenant: MakeTenant, find_user: FindUser, john: UserData
) -> None:
    made = await make_tenant("acme", admin_username="JOHN")
    assert (made.admin_username, made.admin_token) == ("john", None)
    admin = await find_user("john")
    assert admin is not None
    assert (admin.id, admin.role, admin.domain_name) == (john.id, UserRole.ADMIN, "acme")


async def test_the_last_admin_elsewhere_is_not_taken_away_and_nothing_is_made(
    make_tenant: MakeTenant, find_tenant: FindTenant, admin: UserData
) -> None:
    with pytest.raises(LastAdministrator):
        await make_tenant("acme", admin_username=admin.username)
    assert await find_tenant("acme") is None


async def test_a_superadmin_is_not_made_an_admin_by_accident(
    make_tenant: MakeTenant, find_user: FindUser
) -> None:
    with pytest.raises(StateConflict) as caught:
        await make_tenant("acme", admin_username="root")
    assert caught.value.field == "admin_username"
    root = await find_user("root")
    assert root is not None
    assert (root.role, root.domain_name) == (UserRole.SUPERADMIN, "default")


async def test_a_user_who_cannot_log_in_is_not_appointed(
    tenantry: App, make_tenant: MakeTenant
) -> None:
    await make_user(tenantry, "sleeper", status=UserStatus.SUSPENDED)
    with pytest.raises(StateConflict, match="suspended"):
        await make_tenant("acme", admin_username="sleeper")


async def test_a_name_is_taken_in_every_spelling(make_tenant: MakeTenant) -> None:
    await make_tenant("Acme")
    for name in ("acme", "ACME", "\uff41cme"):
        with pytest.raises(TenantConflict) as caught:
            await make_tenant(name)
        assert caught.value.field == "name"


async def test_of_many_who_make_one_name_at_once_one_wins_and_the_others_leave_nothing(
    make_tenant: MakeTenant, owner: asyncpg.Connection
) -> None:
    spellings = ["x", "X"] * 10
    tries = [make_tenant(name, admin_username=f"head{i}") for i, name in enumerate(spellings)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert sum(isinstance(result, TenantConflict) for result in results) == 19
    assert await owner.fetchval("select count(*) from tenants where name_key = 'x'") == 1
    made = await owner.fetchval("select count(*) from users where username like 'head%'")
    assert made == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (" a", "invalid_character"),
        ("a\u200bb", "invalid_character"),
        ("a/b", "invalid_character"),
        ("x" * 65, "too_long"),
        ("\u00e4" * 33, "too_long"),
        ("find", "reserved"),
        ("Search", "reserved"),
        ("..", "reserved"),
        ("018f0000-0000-7000-8000-000000000000", "reserved"),
    ],
)
async def test_a_name_that_is_none_is_refused_by_its_field(
    make_tenant: MakeTenant, name: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_tenant(name, description="x" * 4000)
    assert [(v.field, v.code) for v in caught.value.violations] == [("name", code)]


async def test_all_that_is_wrong_is_named_at_once(make_tenant: MakeTenant) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_tenant("", description="\u00e4" * 4000)
    assert {v.field for v in caught.value.violations} == {"name", "description"}
    with pytest.raises(InvalidInput) as caught:
        await make_tenant("acme", admin_username="a b", admin_email="nonsense")
    assert {v.field for v in caught.value.violations} == {"admin_username", "admin_email"}


async def test_an_address_that_is_taken_leaves_no_tenant(
    make_tenant: MakeTenant, find_tenant: FindTenant, john: UserData
) -> None:
    with pytest.raises(UserConflict):
        await make_tenant("acme", admin_username="wile", admin_email=john.email)
    assert await find_tenant("acme") is None


async def test_only_the_platform_makes_tenants(
    tenantry: App, admin: UserData, john: UserData, find_tenant: FindTenant
) -> None:
    for actor in (admin, john):
        with acting_as(actor), pytest.raises(PermissionError):
            await tenantry.tenants.create_tenant.wait_for_complete(CreateTenantAction("acme"))
    assert await find_tenant("acme") is None


async def test_the_audit_of_the_new_tenant_begins_with_it(
    make_tenant: MakeTenant, trail: Trail
) -> None:
    made = await make_tenant("acme", admin_username="wile")
    entries = await trail("tenant.create")
    assert {entry.target for entry in entries} == {"acme", "wile"}
    assert {entry.tenant_id for entry in entries} == {made.id}
