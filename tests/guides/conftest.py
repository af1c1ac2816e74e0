"""The guides' examples meet the system that all our tests share."""

import pytest

from tenantry.app import App
from tenantry.testing.fixtures import create_user, database_engine, processors

__all__ = ["create_user", "database_engine", "processors", "tenantry_app"]


@pytest.fixture
def tenantry_app(tenantry: App) -> App:
    """The fixtures of ``tenantry.testing`` work on this system."""
    return tenantry
