"""The processors of policies."""

import pytest

from tenantry.app import App
from tenantry.resources.processors import ResourceProcessors


@pytest.fixture
def resources(tenantry: App) -> ResourceProcessors:
    return tenantry.resources
