"""What the tests of managed databases need."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.databases.actions import AddDatabaseAction
from tenantry.databases.managed import ManagedDatabase
from tenantry.tenants.actions import CreateTenantAction
from tenantry.tenants.model import CreatedTenant
from tests.databases.servers import Shop, shop_on

DSN = "postgresql://keeper@127.0.0.1:5432/analytics"
SECRET = "a quiet keeper of keys"
AddDatabase = Callable[..., Awaitable[ManagedDatabase]]
Trail = Callable[[str], Awaitable[list[AuditEntry]]]


@pytest.fixture
def add(tenantry: App) -> AddDatabase:
    """Put a database under management."""

    async def add_database(name: str, **more: Any) -> ManagedDatabase:
        action = AddDatabaseAction(**{"database": name, "dsn": DSN, "secret": SECRET, **more})
        return (await tenantry.databases.add_database.wait_for_complete(action)).data

    return add_database


@pytest.fixture
async def acme(tenantry: App) -> CreatedTenant:
    """A tenant beside the first one."""
    action = CreateTenantAction("acme")
    return (await tenantry.tenants.create_tenant.wait_for_complete(action)).data


@pytest.fixture
def trail(tenantry: App) -> Trail:
    """The entries of a tag, newest first."""

    async def entries(tag: str) -> list[AuditEntry]:
        page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(action=tag))
        return page.items

    return entries


@pytest.fixture
async def shop(postgres: EmbeddedPostgres, database: str) -> AsyncIterator[Shop]:
    """A database on a server, with two tables."""
    async with shop_on(postgres, f"shop_{database}") as made:
        yield made


@pytest.fixture
async def managed(shop: Shop, add: AddDatabase) -> ManagedDatabase:
    """The same under management, as ``shop``."""
    made = await add("shop", dsn=shop.dsn, secret=None, take_ownership=True)
    shop.scopes.append(made.id)
    return made
