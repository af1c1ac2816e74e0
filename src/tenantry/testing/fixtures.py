"""Fixtures for anybody's pytest: ``pytest_plugins = ["tenantry.testing.fixtures"]``.

Each test has a whole Tenantry over a real PostgreSQL, as empty as on its first day. Tests and
fixtures are coroutines, run by the pytest plugin of anyio.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.postgres.database import APPLICATION, PostgresDatabase
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.adapters.valkey import EmbeddedValkey, available
from tenantry.app import App, open_app
from tenantry.settings import Settings
from tenantry.testing.databases import create_database, drop_database
from tenantry.testing.users import ADMIN_PASSWORD, user_for_a_while
from tenantry.users.processors import UserProcessors
from tenantry.users.service import UserService

CreateUser = Callable[..., AbstractAsyncContextManager[UUID]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tenantry runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def tenantry_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for the run, in a temporary folder."""
    folder = tmp_path_factory.mktemp("tenantry") / "postgres"
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def tenantry_valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """A Valkey for the run, where its package is installed."""
    if not available():
        yield None
        return
    with EmbeddedValkey(tmp_path_factory.mktemp("tenantry") / "valkey") as server:
        yield server.url


@pytest.fixture
def tenantry_settings(
    tenantry_postgres: EmbeddedPostgres, tenantry_valkey_url: str | None, tmp_path: Path
) -> Iterator[Settings]:
    """Settings of a system with a database of its own, and hashing made cheap."""
    name = f"test_{uuid4().hex}"
    asyncio.run(create_database(tenantry_postgres, name))
    yield Settings(
        port=0,
        data_dir=tmp_path / "tenantry",
        database_url=tenantry_postgres.dsn(APPLICATION, name),
        migration_database_url=tenantry_postgres.dsn(SUPERUSER, name),
        valkey_url=tenantry_valkey_url,
        admin_password=ADMIN_PASSWORD,
        hash_memory_kib=8,
        hash_time_cost=1,
        hash_wait=60.0,
    )
    asyncio.run(drop_database(tenantry_postgres, name))


@pytest.fixture
async def tenantry_app(tenantry_settings: Settings) -> AsyncIterator[App]:
    """The whole system. Nothing happens in it that a test does not ask for."""
    async with open_app(tenantry_settings, upkeep=False) as app:
        yield app


@pytest.fixture
def database_engine(tenantry_app: App) -> PostgresDatabase:
    """The database: ``transaction()`` and ``autocommit()``."""
    return tenantry_app.database


@pytest.fixture
def processors(tenantry_app: App) -> UserProcessors:
    """The processors of users, over the app's own parts."""
    service = UserService(
        storage_manager=tenantry_app.storage_manager,
        valkey_stat_client=tenantry_app.valkey_stat_client,
        agent_registry=tenantry_app.agent_registry,
        user_repository=tenantry_app.user_repository,
        admin_user_repository=tenantry_app.admin_user_repository,
    )
    return UserProcessors(user_service=service, action_monitors=tenantry_app.action_monitors)


@pytest.fixture
def create_user(tenantry_app: App) -> CreateUser:
    """``async with create_user(email=, name=, domain_name=, ...) as user_id``.

    The user is gone after the block; see ``user_for_a_while`` for what else can be said.
    """
    return partial(user_for_a_while, tenantry_app)
