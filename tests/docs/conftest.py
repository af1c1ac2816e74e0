"""A server for the pages, started like a reader's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.fixtures import mariadb
from tests.docs.server import RunningServer, started

__all__ = ["mariadb", "server"]


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of its own, as on its first day; on the PostgreSQL that the test names."""
    with started(tmp_path, getattr(request, "param", None)) as running:
        yield running
