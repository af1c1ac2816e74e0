"""The processors of policies."""

import pytest

from tenantry.app import App
from tenantry.kernel.processor import Runner
from tenantry.resources.processors import ResourceProcessors
from tenantry.resources.repository import keypair_policies, resource_policies
from tenantry.resources.service import ResourceService
from tenantry.users.access import BuiltInRoleGuard


@pytest.fixture
def resources(tenantry: App) -> ResourceProcessors:
    service = ResourceService(
        database=tenantry.database,
        resource_policies=resource_policies(),
        keypair_policies=keypair_policies(),
        clock=tenantry.clock,
        cursor_key=b"k" * 32,
    )
    run = Runner(tenantry.action_monitors, BuiltInRoleGuard(), tenantry.clock)
    return ResourceProcessors(resource_service=service, run=run)
