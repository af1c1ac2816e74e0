"""Fixtures: real servers of each kind, and a pretended one, with a small shop on each."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.testing.mariadb import EmbeddedMariaDB
from tests.connectors.fake_shop import FakeShop
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.programs import OLDEST
from tests.connectors.shop import Shop

SHOPS = ("postgres_shop", "maria_shop", *(("old_postgres_shop",) if OLDEST else ()))


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMariaDB]:
    """A real MariaDB, one for each worker: principals belong to the whole of a server."""
    with EmbeddedMariaDB(tmp_path_factory.getbasetemp() / "mariadb") as server:
        yield server


@pytest.fixture(scope="session")
def shop_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL, likewise."""
    folder = tmp_path_factory.getbasetemp() / "shop-postgres"
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server


@pytest.fixture
async def postgres_shop(shop_postgres: EmbeddedPostgres) -> AsyncIterator[PostgresShop]:
    shop = await PostgresShop.opened(shop_postgres)
    yield shop
    await shop.removed()


@pytest.fixture(scope="session")
def old_shop_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The oldest PostgreSQL that this machine has."""
    folder = tmp_path_factory.getbasetemp() / "old-postgres"
    with EmbeddedPostgres(folder, bin_dir=OLDEST, durable=False) as server:
        yield server


@pytest.fixture
async def old_postgres_shop(old_shop_postgres: EmbeddedPostgres) -> AsyncIterator[PostgresShop]:
    shop = await PostgresShop.opened(old_shop_postgres)
    yield shop
    await shop.removed()


@pytest.fixture
async def maria_shop(mariadb: EmbeddedMariaDB) -> AsyncIterator[MariaShop]:
    shop = await MariaShop.opened(mariadb)
    yield shop
    await shop.removed()


@pytest.fixture(params=SHOPS)
def shop(request: pytest.FixtureRequest) -> Shop:
    """The same shop on a server of each kind."""
    found: Shop = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def fake_shop() -> FakeShop:
    return FakeShop()


@pytest.fixture(params=["fake_shop", *SHOPS])
def any_shop(request: pytest.FixtureRequest) -> Shop:
    """The same shop, on a pretended server, too."""
    found: Shop = request.getfixturevalue(request.param)
    return found
