"""The vfolders over the system of ``tenantry``, with a storage of either kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.testing.storage import MemoryStorage
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.storage.world import HOST, Vfolders


@pytest.fixture
def memory() -> MemoryStorage:
    return MemoryStorage(HOST, "other")


@pytest.fixture
async def vfolders(tenantry: App, memory: MemoryStorage) -> AsyncIterator[Vfolders]:
    """The slice on a storage that can be told to misbehave."""
    made = Vfolders(tenantry, memory)
    yield made
    await made.deletions.close()


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[LocalStorage]:
    """A storage on real directories."""
    storage = LocalStorage({HOST: tmp_path / "root"})
    await storage.prepare()
    yield storage
    storage.close()


@pytest.fixture
async def on_disk(tenantry: App, disk: LocalStorage) -> AsyncIterator[Vfolders]:
    """The slice on real directories."""
    made = Vfolders(tenantry, disk)
    yield made
    await made.deletions.close()


@pytest.fixture
async def jane(tenantry: App) -> UserData:
    """Another plain user of john's tenant."""
    return await make_user(tenantry, "jane")
