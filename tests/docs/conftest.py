"""A server for the pages, started like a reader's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.testing.mariadb import EmbeddedMariaDB
from tests.docs.server import RunningServer, started


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMariaDB]:
    """A server of its own: what a page leaves on it would be in the way of other tests."""
    with EmbeddedMariaDB(tmp_path_factory.getbasetemp() / "mariadb-of-pages") as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of its own, as on its first day; on the PostgreSQL that the test names."""
    with started(tmp_path, getattr(request, "param", None)) as running:
        yield running
