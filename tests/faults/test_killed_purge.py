"""A purge that is killed anywhere ends complete, with one receipt."""

import asyncio
import os
import signal
import sys

import pytest

from tenantry.app import App
from tenantry.jobs.actions import ListJobsAction
from tenantry.jobs.model import JobState
from tenantry.kernel.action import acting_as
from tenantry.storage.actions import CreateVfolderAction
from tenantry.testing.clock import ShiftedClock
from tenantry.users.actions import FindUserAction
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio

STEPS = ("managed_databases", "compute_sessions", "vfolders", "usage", "roles", "grants")
FAILPOINTS = (
    "purge.marked",
    *(f"purge.{when}.{step}" for step in STEPS for when in ("performed", "noted")),
    "purge.verified",
    "purge.removed",
)
PURGE = """
import asyncio, os, sys
from tenantry.app import open_app
from tenantry.jobs.failpoints import arm
from tenantry.users.actions import PurgeUserAction

async def main():
    arm(sys.argv[1])
    async with open_app(upkeep=False) as app:
        await app.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))

asyncio.run(main())
"""


async def killed_at(failpoint: str, tenantry: App) -> int | None:
    """Purge john in a process that dies there; how that process ended."""
    settings = tenantry.settings
    environ = {name: value for name, value in os.environ.items() if "TENANTRY" not in name}
    environ |= {
        "TENANTRY_DATA_DIR": str(settings.data_dir),
        "TENANTRY_DATABASE_URL": str(settings.database_url),
        "TENANTRY_MIGRATION_DATABASE_URL": str(settings.migration_database_url),
        "TENANTRY_VALKEY_URL": str(settings.valkey_url),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PURGE, failpoint, env=environ
    )
    return await asyncio.wait_for(process.wait(), 60)


async def test_every_step_is_killed(tenantry: App) -> None:
    repository = tenantry.assembly.admin_user_repository
    assert tuple(step.name for step in repository.steps) == STEPS


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_a_purge_killed_there_is_finished_by_the_next_worker(
    tenantry: App, clock: ShiftedClock, john: UserData, failpoint: str
) -> None:
    with acting_as(john):
        made = await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction(name="data"))
    assert await killed_at(failpoint, tenantry) == -signal.SIGKILL
    clock.advance(minutes=3)
    while await tenantry.user_service.purger.worker.run_next():
        pass
    found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user="john"))
    assert found.data is None
    assert not await tenantry.storage_manager.folder_exists(made.data.host, made.data.id)
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert [job.state for job in jobs.items] == [JobState.DONE]
    receipt = jobs.items[0].receipt
    assert receipt is not None
    assert [f["id"] for f in receipt["steps"]["vfolders"]["deleted"]] == [str(made.data.id)]
