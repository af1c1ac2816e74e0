"""What the tests of managed databases need."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import App
from tenantry.databases.actions import AddDatabaseAction, GetDatabaseAction
from tenantry.databases.enforcing_actions import (
    ApplyDatabaseAction,
    DatabasePlan,
    DriftDatabaseAction,
    PlanDatabaseAction,
)
from tenantry.databases.login_actions import DatabaseLogin, LoginToDatabaseAction
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.databases.model import PrincipalKind
from tenantry.databases.names import generated_name
from tenantry.grants.actions import GiveAction
from tenantry.kernel.action import acting_as
from tenantry.settings import Settings
from tenantry.tenants.actions import CreateTenantAction
from tenantry.tenants.model import CreatedTenant
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.connectors.fixtures import maria_shop, mariadb, postgres_shop, shop_postgres
from tests.connectors.shop import Line, dsn_of
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

    async def plan(self) -> DatabasePlan:
        """What an apply would do now."""
        run = self.tenantry.databases.plan_database.wait_for_complete
        return (await run(PlanDatabaseAction("shop"))).data

    async def drift(self) -> DatabasePlan:
        """What somebody who looks sees to differ."""
        run = self.tenantry.databases.drift_database.wait_for_complete
        return (await run(DriftDatabaseAction("shop"))).data

    async def seen(self) -> ManagedDatabase:
        """The database as it is shown."""
        run = self.tenantry.databases.get_database.wait_for_complete
        return (await run(GetDatabaseAction("shop"))).data

    async def standing(self) -> Standing:
        """How far the server follows."""
        return (await self.seen()).standing

    async def login(self, user: UserData, minutes: int = 60) -> DatabaseLogin:
        """The user's own login."""
        with acting_as(user):
            action = LoginToDatabaseAction("shop", minutes)
            run = self.tenantry.databases.login_to_database.wait_for_complete
            return (await run(action)).data


@dataclass(frozen=True)
class Somewhere(Managed):
    """The same where that is a shop on a server of some kind, which is found by a link."""

    shop: ServerShop
    managed: ManagedDatabase
    link: Path

    def __post_init__(self) -> None:
        self.join()

    def name_of(self, user: UserData) -> str:
        """The user's name on the server."""
        return generated_name(self.managed.id, PrincipalKind.USER, user.id)

    async def is_let_in(self, opened: DatabaseLogin) -> bool:
        """Whether the server lets in who has this login."""
        try:
            line = await self.shop.log_in(opened.username, opened.password)
        except PermissionError:
            return False
        await line.close()
        return True

    async def come_in(self, user: UserData) -> Line:
        """A connection of the user's own."""
        opened = await self.login(user)
        return await self.shop.log_in(opened.username, opened.password)

    def cut(self) -> None:
        """Let the server be out of Tenantry's reach."""
        self.link.unlink()

    def join(self) -> None:
        """Let it be in reach again."""
        self.link.symlink_to(self.shop.address.host)


@pytest.fixture(params=["postgres_shop", "maria_shop"])
def server_shop(request: pytest.FixtureRequest) -> ServerShop:
    """The same shop on a server of each kind."""
    found: ServerShop = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def somewhere(
    tenantry: App, add: AddDatabase, server_shop: ServerShop
) -> AsyncIterator[Somewhere]:
    """It under management."""
    with tempfile.TemporaryDirectory(prefix="tn") as folder:  # paths of sockets are short
        link = Path(folder, "s")
        dsn = dsn_of(server_shop, host=str(link))
        managed = await add("shop", kind=server_shop.kind, dsn=dsn, secret=None)
        yield Somewhere(tenantry, server_shop, managed, link)
