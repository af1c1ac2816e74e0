"""What is made while its owner is being purged: refused, or gone with the owner; never left."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from tenantry.access_keys.actions import IssueAccessKeyAction
from tenantry.app import App
from tenantry.compute.actions import CreateComputeSessionAction, RegisterAgentAction
from tenantry.errors import AccountError, NotAuthenticated, PermissionError
from tenantry.kernel.action import acting_as
from tenantry.storage.actions import CreateVfolderAction, RestoreVfolderAction
from tenantry.storage.model import VfolderStatus
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.storage import MemoryStorage
from tenantry.testing.users import make_user
from tenantry.users.actions import PurgeUserAction
from tenantry.users.model import UserData
from tests.guides.test_bugs import rows_of
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio

ROUNDS = 6
AT_ONCE = 4


async def make_things(tenantry: App, user: UserData, number: int) -> None:
    """A folder, a session and a key, as far as they are to be had."""
    with acting_as(user):
        for work in (
            tenantry.vfolders.create.wait_for_complete(CreateVfolderAction(f"data{number}")),
            tenantry.compute.create_session.wait_for_complete(
                CreateComputeSessionAction(command=["sleep", "600"], memory=2**26)
            ),
            tenantry.access_keys.issue.wait_for_complete(IssueAccessKeyAction()),
        ):
            try:
                await work
            except (AccountError, PermissionError, NotAuthenticated):
                continue  # the purge was quicker


async def purge(tenantry: App, user: UserData) -> None:
    await asyncio.sleep(0.01)
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user=str(user.id)))


async def test_a_purge_and_creations_at_once_leave_nothing_behind(
    tenantry: App, clock: ShiftedClock, owner: asyncpg.Connection
) -> None:
    agent = tenantry.agent_registry.name
    await tenantry.compute.register_agent.wait_for_complete(
        RegisterAgentAction(name=agent, address="here", cpu=1000, memory=2**45)
    )
    for number in range(ROUNDS):
        user = await make_user(tenantry, f"leaver{number}")
        results = await asyncio.gather(
            purge(tenantry, user),
            *(make_things(tenantry, user, n) for n in range(AT_ONCE)),
            return_exceptions=True,
        )
        assert not any(isinstance(r, BaseException) for r in results[1:]), results
        clock.advance(minutes=3)
        while await tenantry.user_service.purger.worker.run_next():
            pass  # where a step had to be tried again
        left = await rows_of(owner, user.id)
        # For an hour the log of changes tells other servers that this id is to be forgotten.
        kept = {"jobs.subject_id", "audit_erasures.person_id", "change_log.subject_id"}
        assert left.keys() <= kept
    assert await tenantry.storage_manager.list_folders(HOST) == set()
    assert await tenantry.agent_registry.list_sessions(agent) == set()


class SlowStorage(MemoryStorage):
    """Makes and restores folders only when told to."""

    def __init__(self) -> None:
        super().__init__(HOST)
        self.begun, self.may_go = asyncio.Event(), asyncio.Event()
        self.slow = True

    async def create_folder(self, host: str, folder_id: UUID) -> None:
        await self._wait()
        await super().create_folder(host, folder_id)

    async def restore_from_trash(self, host: str, folder_id: UUID) -> None:
        await self._wait()
        await super().restore_from_trash(host, folder_id)

    async def _wait(self) -> None:
        if self.slow:
            self.begun.set()
            await self.may_go.wait()


async def removed(vfolders: Vfolders, user: UserData) -> None:
    """All of a user's folders go, as in a purge."""
    await vfolders.companion.delete_all(user.id)
    async with vfolders.app.database.transaction() as tx:
        await vfolders.companion.forget(tx, user.id)


async def test_a_folder_that_the_storage_makes_after_the_purge_is_taken_away_again(
    tenantry: App, john: UserData
) -> None:
    storage = SlowStorage()
    vfolders = Vfolders(tenantry, storage)
    making = asyncio.create_task(vfolders.make("data", john))
    await storage.begun.wait()
    await removed(vfolders, john)
    storage.may_go.set()
    with pytest.raises(AccountError):
        await making
    assert await storage.list_folders(HOST) == set()
    await vfolders.deletions.close()


async def test_a_folder_that_is_restored_while_its_owner_is_purged_goes_too(
    tenantry: App, john: UserData
) -> None:
    storage = SlowStorage()
    storage.slow = False
    vfolders = Vfolders(tenantry, storage)
    folder = await vfolders.trash(await vfolders.make("data", john))
    assert folder.status is VfolderStatus.TRASH
    storage.slow = True
    restore = RestoreVfolderAction(str(folder.id))
    restoring = asyncio.create_task(vfolders.run.restore.wait_for_complete(restore))
    await storage.begun.wait()
    await removed(vfolders, john)
    storage.may_go.set()
    with pytest.raises(AccountError):
        await restoring
    assert await storage.list_folders(HOST) == set()
    await vfolders.deletions.close()
