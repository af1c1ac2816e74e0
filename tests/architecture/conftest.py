"""The package as a whole, for the tests of its shape."""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

import tenantry
from tenantry.adapters.postgres.embedded import EmbeddedPostgres

NOT_TO_IMPORT = ("tenantry.cli.__main__", "tenantry.adapters.postgres.migrations")


@pytest.fixture(scope="session")
def package() -> Path:
    """The folder of the package."""
    assert tenantry.__file__ is not None
    return Path(tenantry.__file__).parent


@pytest.fixture(scope="session")
def modules(package: Path) -> list[ModuleType]:
    """All modules but those that do something when imported."""
    found = pkgutil.walk_packages([str(package)], "tenantry.")
    return [
        importlib.import_module(module.name)
        for module in found
        if not module.name.startswith(NOT_TO_IMPORT)
    ]


@pytest.fixture
async def application(
    postgres: EmbeddedPostgres, database: str
) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that the server works with."""
    connection = await asyncpg.connect(postgres.dsn("tenantry_app", database))
    yield connection
    await connection.close()
