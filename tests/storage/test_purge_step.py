"""The purge of a user, as far as vfolders go: planned, performed, and performed again."""

import dataclasses
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.errors import ConnectionError, UserPurgeFailure
from tenantry.storage.model import SharePermission, VfolderData
from tenantry.testing.storage import MemoryStorage, Trouble
from tenantry.users.model import UserData
from tenantry.users.purging import PurgeOrder
from tests.storage.world import HOST, Vfolders

pytestmark = pytest.mark.anyio


@dataclasses.dataclass
class Case:
    """john, who owns a shared, a private and a thrown-away folder; adele takes over."""

    vfolders: Vfolders
    john: UserData
    receiver_id: UUID | None
    shared: VfolderData

    def order(self, *, purge_shared: bool = False) -> PurgeOrder:
        return PurgeOrder(
            user_id=self.john.id,
            tenant_id=self.john.tenant_id,
            receiver_id=self.receiver_id,
            purge_shared_vfolders=purge_shared,
            delegate_endpoint_ownership=False,
        )

    async def plan(self, *, purge_shared: bool = False) -> dict[str, list[str]]:
        async with self.vfolders.app.database.transaction() as tx:
            order = self.order(purge_shared=purge_shared)
            return names(await self.vfolders.step.plan(tx, order))

    async def perform(self, *, purge_shared: bool = False) -> dict[str, list[str]]:
        return names(await self.vfolders.step.perform(self.order(purge_shared=purge_shared)))


def names(outcome: dict[str, Any]) -> dict[str, list[str]]:
    return {part: [folder["name"] for folder in folders] for part, folders in outcome.items()}


@pytest.fixture
async def case(vfolders: Vfolders, john: UserData, jane: UserData, admin: UserData) -> Case:
    shared = await vfolders.make("shared", john)
    await vfolders.share(shared, jane, SharePermission.READ)
    await vfolders.make("private", john)
    await vfolders.trash(await vfolders.make("thrown", john))
    return Case(vfolders, john, admin.id, shared)


HANDED_OVER = {"handed_over": ["shared"], "deleted": ["private", "thrown"]}
ALL_DELETED = {"handed_over": [], "deleted": ["private", "shared", "thrown"]}


async def test_bug_03_what_is_planned_is_what_happens(case: Case, memory: MemoryStorage) -> None:
    assert await case.plan() == HANDED_OVER
    assert await case.plan(purge_shared=True) == ALL_DELETED
    assert len(await memory.list_folders(HOST)) == 3
    assert await case.perform() == HANDED_OVER
    assert await memory.list_folders(HOST) == {case.shared.id}
    assert (await case.vfolders.get(case.shared)).owner == "adele"


async def test_bug_03_shared_folders_are_deleted_only_if_asked(
    case: Case, memory: MemoryStorage
) -> None:
    assert await case.perform(purge_shared=True) == ALL_DELETED
    assert await memory.list_folders(HOST) == set()


async def test_bug_19_performed_again_it_does_nothing_and_tells_the_same(
    case: Case, admin: UserData
) -> None:
    await case.vfolders.make("shared", admin)
    first = await case.perform()
    assert first["handed_over"] == [f"shared-{case.shared.id.hex[-10:]}"]
    for _ in range(2):
        assert await case.perform() == first


async def test_a_storage_out_of_reach_is_an_error_and_the_rest_is_done_later(
    case: Case, memory: MemoryStorage
) -> None:
    memory.troubles["delete_folder"] = Trouble.FAIL
    with pytest.raises(ConnectionError):
        await case.perform()
    memory.troubles.clear()
    assert await case.perform() == HANDED_OVER


async def test_a_mount_of_somebody_else_stops_the_purge_before_it_begins(case: Case) -> None:
    case.vfolders.mounts.folders = {case.shared.id}
    with pytest.raises(UserPurgeFailure, match="mounts"):
        await case.plan()


async def test_without_an_heir_shared_folders_are_deleted_only_if_asked(
    case: Case, memory: MemoryStorage
) -> None:
    case.receiver_id = None
    for refused in (case.plan, case.perform):
        with pytest.raises(UserPurgeFailure) as caught:
            await refused()
        assert caught.value.field == "purge_shared_vfolders"
    assert len(await memory.list_folders(HOST)) == 3
    assert await case.perform(purge_shared=True) == ALL_DELETED


async def test_in_the_end_the_user_can_be_removed(case: Case, owner: asyncpg.Connection) -> None:
    await case.perform()
    async with case.vfolders.app.database.transaction() as tx:
        await case.vfolders.step.forget(tx, case.john.id)
    await owner.execute("delete from access_keys where user_id = $1", case.john.id)
    await owner.execute("delete from users where id = $1", case.john.id)
