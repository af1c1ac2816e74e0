"""What the tests of grants need: people, roles, databases, and grants on them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.grants import holders as holders_found
from tenantry.grants import loading
from tenantry.grants.actions import (
    CheckAction,
    ExplainAction,
    GiveAction,
    ListGrantsAction,
    ListHoldersAction,
    RevokeAccessAction,
    RevokeAction,
)
from tenantry.grants.model import Explanation, GivenGrants, GrantData, Holder, Revocation
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    CreateTenantAction,
    SetTenantIsolationAction,
)
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

Give = Callable[..., Awaitable[GivenGrants]]
Revoke = Callable[..., Awaitable[Revocation]]
Held = Callable[..., Awaitable[list[GrantData]]]
May = Callable[..., Awaitable[bool]]
MakeRole = Callable[..., Awaitable[UUID]]

ADD_ROLE = """
    insert into roles (id, tenant_id, name, name_key, permissions, databases, created_at,
        modified_at)
    values ($1, (select id from tenants where name_key = $2), $3, $3, $4, $5, now(), now())
"""
ADD_MEMBER = "insert into role_members (role_id, user_id, assigned_at) values ($1, $2, now())"
ADD_PARENT = "insert into role_parents (role_id, parent_id, granted_at) values ($1, $2, now())"


@pytest.fixture
def give(tenantry: App) -> Give:
    """Grant privileges."""

    async def run(principal: str, *permissions: str, **more: Any) -> GivenGrants:
        action = GiveAction(principal=principal, permissions=list(permissions), **more)
        return (await tenantry.grants.give.wait_for_complete(action)).data

    return run


@pytest.fixture
def revoke(tenantry: App) -> Revoke:
    """Take privileges away on just one object."""

    async def run(principal: str, *permissions: str, **more: Any) -> Revocation:
        action = RevokeAction(principal=principal, permissions=list(permissions), **more)
        return (await tenantry.grants.revoke.wait_for_complete(action)).data

    return run


@pytest.fixture
def revoke_access(tenantry: App) -> Revoke:
    """Take all away on a database."""

    async def run(principal: str, database: str, **more: Any) -> Revocation:
        action = RevokeAccessAction(principal=principal, database=database, **more)
        return (await tenantry.grants.revoke_access.wait_for_complete(action)).data

    return run


@pytest.fixture
def held(tenantry: App) -> Held:
    """The direct grants that fit, in order."""

    async def run(principal: str | None = None, **more: Any) -> list[GrantData]:
        action = ListGrantsAction(principal=principal, limit=1000, **more)
        return (await tenantry.grants.list_grants.wait_for_complete(action)).items

    return run


@pytest.fixture
def may(tenantry: App) -> May:
    """Whether a user may do something now."""

    async def run(
        user: str,
        permission: str,
        database: str | None = None,
        schema: str | None = None,
        table: str | None = None,
    ) -> bool:
        action = CheckAction(
            user=user, permission=permission, database=database, schema=schema, table=table
        )
        return (await tenantry.grants.check.wait_for_complete(action)).allowed

    return run


@pytest.fixture
def make_role(owner: asyncpg.Connection) -> MakeRole:
    """A role, of the platform unless a tenant is named, with members and parents."""

    async def make(
        name: str,
        *permissions: str,
        databases: Sequence[str] | None = None,
        tenant: str | None = None,
        members: Sequence[UserData] = (),
        parents: Sequence[UUID] = (),
    ) -> UUID:
        role_id = uuid4()
        await owner.execute(
            ADD_ROLE, role_id, tenant, name, list(permissions), databases and list(databases)
        )
        for member in members:
            await owner.execute(ADD_MEMBER, role_id, member.id)
        for parent in parents:
            await owner.execute(ADD_PARENT, role_id, parent)
        return role_id

    return make


@pytest.fixture
async def acme(tenantry: App) -> str:
    """A tenant with the database ``acme-sales``."""
    await tenantry.tenants.create_tenant.wait_for_complete(CreateTenantAction("acme"))
    assign = AssignDatabaseToTenantAction("acme", "acme-sales")
    await tenantry.tenants.assign_database.wait_for_complete(assign)
    return "acme"


@pytest.fixture
async def umbrella(tenantry: App) -> str:
    """Another, with the database ``umbrella-sales``."""
    await tenantry.tenants.create_tenant.wait_for_complete(CreateTenantAction("umbrella"))
    assign = AssignDatabaseToTenantAction("umbrella", "umbrella-sales")
    await tenantry.tenants.assign_database.wait_for_complete(assign)
    return "umbrella"


@pytest.fixture
async def wile(tenantry: App, acme: str) -> UserData:
    """The admin of acme."""
    return await make_user(tenantry, "wile", domain_name=acme, role=UserRole.ADMIN)


@pytest.fixture
async def roadrunner(tenantry: App, acme: str) -> UserData:
    """A plain user of acme."""
    return await make_user(tenantry, "roadrunner", domain_name=acme)


@pytest.fixture
async def alice(tenantry: App, umbrella: str) -> UserData:
    """A plain user of umbrella."""
    return await make_user(tenantry, "alice", domain_name=umbrella)


@pytest.fixture
def isolate(tenantry: App) -> Callable[..., Awaitable[None]]:
    """Close a tenant's wall, or open it."""

    async def run(tenant: str, *, isolated: bool = True) -> None:
        action = SetTenantIsolationAction(tenant, isolated=isolated)
        await tenantry.tenants.set_isolation.wait_for_complete(action)

    return run


async def explained(tenantry: App, user: str, permission: str, **on: str) -> Explanation:
    action = ExplainAction(user=user, permission=permission, **on)
    return (await tenantry.grants.explain.wait_for_complete(action)).data


async def holders(tenantry: App, permission: str, **more: Any) -> list[str]:
    """The usernames, page by page."""
    found: list[Holder] = []
    cursor = None
    while True:
        action = ListHoldersAction(permission=permission, cursor=cursor, **more)
        page = await tenantry.grants.list_holders.wait_for_complete(action)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return [holder.username for holder in found]


@pytest.fixture(params=["role by role", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How members are found: as for few roles, and as for many."""
    if request.param == "walked":
        monkeypatch.setattr(holders_found, "MANY_ROLES", -1)
        monkeypatch.setattr(loading, "MOST_ROLES", -1)
