"""The deletion of a tenant that is killed anywhere ends complete, with one receipt."""

import asyncio
import os
import signal
import sys

import pytest

from tenantry.app import App
from tenantry.jobs.actions import ListJobsAction
from tenantry.jobs.model import JobState
from tenantry.tenants.actions import CreateTenantAction, FindTenantAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user

pytestmark = pytest.mark.anyio

FAILPOINTS = (
    "tenant.marked",
    "tenant.compute_ended",
    "tenant.user_purged",
    "tenant.users_purged",
    "tenant.removed",
    "purge.performed.vfolders",
    "purge.removed",
)
DELETE = """
import asyncio, sys
from tenantry.app import open_app
from tenantry.jobs.failpoints import arm
from tenantry.tenants.actions import DeleteTenantAction

async def main():
    arm(sys.argv[1])
    async with open_app(upkeep=False) as app:
        await app.tenants.delete_tenant.wait_for_complete(DeleteTenantAction("acme"))

asyncio.run(main())
"""


async def killed_at(failpoint: str, tenantry: App) -> int | None:
    """Delete acme in a process that dies there; how that process ended."""
    settings = tenantry.settings
    environ = {name: value for name, value in os.environ.items() if "TENANTRY" not in name}
    environ |= {
        "TENANTRY_DATA_DIR": str(settings.data_dir),
        "TENANTRY_DATABASE_URL": str(settings.database_url),
        "TENANTRY_MIGRATION_DATABASE_URL": str(settings.migration_database_url),
        "TENANTRY_VALKEY_URL": str(settings.valkey_url),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DELETE, failpoint, env=environ
    )
    return await asyncio.wait_for(process.wait(), 60)


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_a_deletion_killed_there_is_finished_by_the_next_worker(
    tenantry: App, clock: ShiftedClock, failpoint: str
) -> None:
    action = CreateTenantAction("acme", admin_username="wile")
    await tenantry.tenants.create_tenant.wait_for_complete(action)
    await make_user(tenantry, "roadrunner", domain_name="acme")
    assert await killed_at(failpoint, tenantry) == -signal.SIGKILL
    clock.advance(minutes=3)
    while await tenantry.assembly.tenant_deletion.worker.run_next():
        pass
    found = await tenantry.tenants.find_tenant.wait_for_complete(FindTenantAction("acme"))
    assert found.data is None
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert {job.state for job in jobs.items} == {JobState.DONE}
    receipts = [job.receipt for job in jobs.items if job.kind == "tenant.delete"]
    assert len(receipts) == 1
    assert receipts[0] is not None
    assert receipts[0]["removed"]["users"] == 2
