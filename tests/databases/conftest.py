"""What the tests of managed databases need."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import App
from tenantry.databases.actions import AddDatabaseAction
from tenantry.databases.enforcing_actions import ApplyDatabaseAction
from tenantry.databases.login_actions import DatabaseLogin, LoginToDatabaseAction
from tenantry.databases.managed import DatabaseKind, ManagedDatabase
from tenantry.grants.actions import GiveAction
from tenantry.kernel.action import acting_as
from tenantry.settings import Settings
from tenantry.tenants.actions import CreateTenantAction
from tenantry.tenants.model import CreatedTenant
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.connectors.fixtures import maria_shop, mariadb, postgres_shop, shop_postgres
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop as ServerShop
from tests.databases.servers import Shop, shop_on

__all__ = ["maria_shop", "mariadb", "postgres_shop", "shop_postgres"]

DSN = "postgresql://keeper@127.0.0.1:5432/analytics"
SECRET = "a quiet keeper of keys"
AddDatabase = Callable[..., Awaitable[ManagedDatabase]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Also servers whose sockets are in folders for what is temporary."""
    return replace(settings, managed_hosts=(*settings.managed_hosts, tempfile.gettempdir()))


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
async def ada(tenantry: App) -> UserData:
    """Somebody of the first tenant."""
    return await make_user(tenantry, "ada")


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


@dataclass(frozen=True)
class Managed:
    """What is done with the database that is managed as ``shop``."""

    tenantry: App

    async def give(self, user: UserData, *names: str, **more: object) -> None:
        """Grant something to a user: on the goods, unless said otherwise."""
        said = {"principal": user.username, "permissions": list(names), "database": "shop"}
        action = GiveAction(**said | (more or {"table": "goods"}))  # type: ignore[arg-type]
        await self.tenantry.grants.give.wait_for_complete(action)

    async def apply(self) -> None:
        """Have the server enforce what is granted, from now on."""
        await self.tenantry.databases.apply_database.wait_for_complete(ApplyDatabaseAction("shop"))

    async def follow(self) -> None:
        """Have the server follow what has changed, as it does by itself all the time."""
        await self.tenantry.assembly.databases.watch.run_once()

    async def login(self, user: UserData, minutes: int = 60) -> DatabaseLogin:
        """The user's own login."""
        with acting_as(user):
            action = LoginToDatabaseAction("shop", minutes)
            run = self.tenantry.databases.login_to_database.wait_for_complete
            return (await run(action)).data


@dataclass(frozen=True)
class Somewhere(Managed):
    """The same where that is a shop on a server of some kind."""

    shop: ServerShop
    managed: ManagedDatabase

    async def is_let_in(self, opened: DatabaseLogin) -> bool:
        """Whether the server lets in who has this login."""
        try:
            line = await self.shop.log_in(opened.username, opened.password)
        except PermissionError:
            return False
        await line.close()
        return True


@pytest.fixture(params=["postgres_shop", "maria_shop"])
def server_shop(request: pytest.FixtureRequest) -> ServerShop:
    """The same shop on a server of each kind."""
    found: ServerShop = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def somewhere(tenantry: App, add: AddDatabase, server_shop: ServerShop) -> Somewhere:
    """It under management."""
    is_postgresql = isinstance(server_shop, PostgresShop)
    kind = DatabaseKind.POSTGRESQL if is_postgresql else DatabaseKind.MARIADB
    user, host = server_shop.address.username, quote(server_shop.address.host, safe="")
    dsn = f"{kind}://{user}@/{server_shop.database}?host={host}"
    return Somewhere(tenantry, server_shop, await add("shop", kind=kind, dsn=dsn, secret=None))
