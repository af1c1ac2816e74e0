"""The order of things when vfolders are made, shared, handed over, thrown away and brought back.

What touches the storage is marked in a transaction, done after its commit, and then marked as
done. So a crash in between leaves a record that says what is to be done once more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from tenantry.compute.limits import CREATE, SHARE
from tenantry.errors import (
    InvalidInput,
    StateConflict,
    TenantryError,
    UserNotFound,
    VfolderConflict,
)
from tenantry.kernel.action import Note, Outcome, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.storage.access import may_see_all, require_may_change, require_may_give_to, seen_by
from tenantry.storage.actions import (
    CreateVfolderAction,
    DeleteVfolderAction,
    GetVfolderAction,
    HandOverVfolderAction,
    ListVfoldersAction,
    OnVfolder,
    PurgeVfolderAction,
    RestoreVfolderAction,
    ShareVfolderAction,
    UnshareVfolderAction,
    VfolderResult,
    VfolderUsageAction,
    VfolderUsageResult,
)
from tenantry.storage.deletion import Deletions, answering
from tenantry.storage.model import Vfolder, VfolderData, VfolderStatus, VfolderUsage, meant
from tenantry.storage.names import folder_name, free_name, lookup_key
from tenantry.storage.ports import Mounts, StorageManager
from tenantry.storage.quota import Quotas
from tenantry.storage.repository import FolderRepository
from tenantry.storage.sight import by_owner, find, in_sight, tenant_in_sight, viewer
from tenantry.users.model import UserStatus
from tenantry.users.names import Unfit

logger = logging.getLogger(__name__)

NOBODY = UUID(int=0)
_PAUSE = timedelta(minutes=5)
_STALE = timedelta(minutes=1)
"""How long a folder may be performing before another process takes it for abandoned."""


class StorageService:
    """Handles the actions on vfolders."""

    def __init__(
        self,
        *,
        database: Database,
        storage_manager: StorageManager,
        folder_repository: FolderRepository,
        deletions: Deletions,
        mounts: Mounts,
        quotas: Quotas,
        clock: Clock,
        cursor_key: bytes,
        patience: float = 10.0,
    ) -> None:
        self._database = database
        self._storage = storage_manager
        self._folders = folder_repository
        self._deletions = deletions
        self._mounts = mounts
        self._quotas = quotas
        self._clock = clock
        self._cursor_key = cursor_key
        self._patience = patience

    async def create(self, action: CreateVfolderAction) -> VfolderResult:
        """Make a folder; VfolderConflict, or StateConflict where the policy allows no more."""
        require_well_formed(action)
        try:
            name = folder_name(action.name)
        except Unfit as error:
            raise InvalidInput.of("name", error.code, str(error)) from error
        host = await self._host(action.host)
        actor = current_actor()
        named = action.owner if action.owner is not None else str(viewer(actor))
        sight = tenant_in_sight(actor)
        async with self._database.autocommit() as tx:
            owner = await self._folders.lock_holder(tx, named, tenant_id=sight, field="owner")
        require_may_give_to(actor, owner)
        await self._quotas.refresh([owner.id])
        async with self._database.transaction() as tx:
            owner = await self._folders.lock_holder(tx, named, tenant_id=sight, field="owner")
            require_may_give_to(actor, owner)
            taken = await self._folders.kept_names(tx, owner.id)
            if lookup_key(name) in taken:
                raise VfolderConflict(field="name")
            owner.require_can_hold(len(taken), "owner")
            owner.require_host(host, CREATE, "host")
            await self._quotas.require_room(tx, owner.id, field="owner")
            now = self._clock.now()
            folder_id = uuid7(now)
            await self._folders.insert(
                tx,
                folder_id=folder_id,
                owner=owner,
                creator_id=actor.id,
                name=name,
                host=host,
                now=now,
            )
            folder = await self._folders.lock(tx, folder_id)
            tx.note(_note(folder, {"name": (None, name), "owner": (None, owner.username)}))
        effect = self._make(folder)
        # A folder that could not be made goes the way of the deleted ones, and its name is free.
        return await self._perform(folder, effect, otherwise=VfolderStatus.DELETING)

    async def get(self, action: GetVfolderAction) -> VfolderResult:
        """The folder; VfolderNotFound also for one that the actor cannot see."""
        async with self._database.autocommit() as tx:
            folder = await find(self._folders, tx, action)
        return _seen(folder)

    async def list_folders(self, action: ListVfoldersAction) -> Page[VfolderData]:
        """A page of the folders that the actor can see."""
        require_well_formed(action)
        actor = current_actor()
        conditions = in_sight(actor)
        if action.owner is not None:
            conditions.append(by_owner(action.owner))
        if action.status is not None:
            conditions.append(("status", action.status.value))
        question = [repr(condition) for condition in conditions]
        if action.cursor is not None:
            key, folder_id = unseal(self._cursor_key, question, action.cursor)
            conditions.append(("after", (key, UUID(folder_id))))
        async with self._database.autocommit() as tx:
            found = await self._folders.search(tx, conditions, action.limit + 1)
        items = [seen_by(actor, folder.data) for folder in found[: action.limit]]
        if len(found) <= action.limit:
            return Page(items)
        last = items[-1]
        position = [lookup_key(last.name), str(last.id)]
        return Page(items, seal(self._cursor_key, question, position))

    async def usage(self, action: VfolderUsageAction) -> VfolderUsageResult:
        """What the folder holds now; takes as long as it takes to look at every file."""
        async with self._database.autocommit() as tx:
            data = (await find(self._folders, tx, action)).data
        found = await self._quotas.measure(data.id, data.host, self._patience * 6)
        if not may_see_all(current_actor(), data):
            return VfolderUsageResult(VfolderUsage(found.files, found.bytes, None, None))
        await self._quotas.refresh([data.owner_id])
        async with self._database.autocommit() as tx:
            quota = await self._quotas.of(tx, data.owner_id)
        used = None if quota.limit is None else quota.used
        return VfolderUsageResult(VfolderUsage(found.files, found.bytes, quota.limit, used))

    async def share(self, action: ShareVfolderAction) -> VfolderResult:
        """Let somebody of the same tenant in; others are not there to be found."""
        async with self._database.transaction() as tx:
            folder = await self._lock(tx, action)
            require_may_change(current_actor(), folder)
            folder.require_status(VfolderStatus.READY)
            await self._require_may_share(tx, folder)
            tenant_id = folder.data.tenant_id
            guest = await self._folders.lock_holder(
                tx, action.user, tenant_id=tenant_id, field="user"
            )
            if guest.status in (UserStatus.DELETED, UserStatus.PURGING):
                raise UserNotFound(field="user")
            if guest.id == folder.data.owner_id:
                message = "is the owner, who needs no share"
                raise InvalidInput.of("user", "is_owner", message)
            giver, now = current_actor().id, self._clock.now()
            await self._folders.share(tx, folder.id, guest.id, action.permission, giver, now)
            before = next((s.permission for s in folder.data.shares if s.user_id == guest.id), None)
            change = before, action.permission.value
            changes = {f"shares.{guest.username}": change}
            tx.note(_note(folder, changes, person_id=guest.id))
            return _seen(await self._folders.lock(tx, folder.id))

    async def _require_may_share(self, tx: Transaction, folder: Vfolder) -> None:
        limits = await self._folders.limits(tx, folder.data.owner_id)
        if limits is not None:
            limits.require_host(folder.data.host, SHARE, "folder")

    async def unshare(self, action: UnshareVfolderAction) -> VfolderResult:
        """Take a share back. A guest may give up the own one."""
        actor = current_actor()
        async with self._database.transaction() as tx:
            folder = await self._lock(tx, action)
            guest = await self._folders.lock_holder(
                tx, action.user, tenant_id=folder.data.tenant_id, field="user"
            )
            if guest.id != actor.id:
                require_may_change(actor, folder)
            await self._folders.unshare(tx, folder.id, guest.id)
            before = next((s.permission for s in folder.data.shares if s.user_id == guest.id), None)
            changes = {f"shares.{guest.username}": (before, None)} if before else {}
            tx.note(_note(folder, changes, person_id=guest.id))
            return _seen(await self._folders.lock(tx, folder.id))

    async def hand_over(self, action: HandOverVfolderAction) -> VfolderResult:
        """Make another user of the tenant the owner; to the owner, nothing changes."""
        actor = current_actor()
        await self._measure_for(action)
        async with self._database.transaction() as tx:
            folder = await self._lock(tx, action)
            require_may_change(actor, folder)
            folder.require_status(VfolderStatus.READY)
            data = folder.data
            heir = await self._folders.lock_holder(
                tx, action.to, tenant_id=data.tenant_id, field="to"
            )
            changes: dict[str, tuple[object, object]] = {}
            if heir.id != data.owner_id:
                taken = await self._folders.kept_names(tx, heir.id)
                heir.require_can_hold(len(taken), "to")
                heir.require_host(data.host, CREATE, "to")
                more = data.used_bytes or 0
                await self._quotas.require_room(tx, heir.id, more=more, field="to")
                name = free_name(data.name, data.id, taken)
                if name is None:
                    raise VfolderConflict(field="to")
                await self._folders.give(tx, data.id, heir.id, name, self._clock.now())
                # By id: an entry forgets the name of one person, and here there are two.
                owners = str(data.owner_id), str(heir.id)
                changes = {"owner": owners, "name": (data.name, name)}
            tx.note(_note(folder, changes))
            return _seen(await self._folders.lock(tx, folder.id))

    async def _measure_for(self, action: HandOverVfolderAction) -> None:
        """Measure what an heir with a quota has, and would get."""
        async with self._database.autocommit() as tx:
            data = (await find(self._folders, tx, action)).data
            heir = await self._folders.lock_holder(
                tx, action.to, tenant_id=data.tenant_id, field="to"
            )
            quota = await self._quotas.of(tx, heir.id)
        if quota.limit is not None:
            await self._quotas.refresh([heir.id])
            await self._quotas.measure(data.id, data.host, self._patience)

    async def delete(self, action: DeleteVfolderAction) -> VfolderResult:
        """Put the folder into the trash; StateConflict while a compute session mounts it."""
        async with self._database.transaction() as tx:
            folder = await self._lock(tx, action)
            require_may_change(current_actor(), folder)
            folder.require_status(VfolderStatus.READY, VfolderStatus.TRASH)
            if folder.data.status is VfolderStatus.READY:
                if await self._mounts.mounted_by_others(tx, [folder.id], NOBODY):
                    message = "A compute session mounts the vfolder; end it first."
                    raise StateConflict(message, field="folder")
                folder = await self._mark(tx, folder, VfolderStatus.TRASH)
            else:
                tx.note(_note(folder, {}))
        effect = self._storage.move_to_trash(folder.data.host, folder.id)
        await self._after_commit(folder, effect, otherwise=VfolderStatus.TRASH)
        if folder.data.status_info is not None:
            folder = await self._set(folder, VfolderStatus.TRASH)
        return _seen(folder)

    async def restore(self, action: RestoreVfolderAction) -> VfolderResult:
        """Take the folder out of the trash, with everything that was in it."""
        async with self._database.transaction() as tx:
            folder = await self._lock(tx, action)
            require_may_change(current_actor(), folder)
            folder.require_status(VfolderStatus.TRASH)
            folder = await self._mark(tx, folder, VfolderStatus.PERFORMING)
        effect = self._storage.restore_from_trash(folder.data.host, folder.id)
        return await self._perform(folder, effect, otherwise=VfolderStatus.TRASH)

    async def purge(self, action: PurgeVfolderAction) -> VfolderResult:
        """Begin to delete the folder for good; repeated, go on with it."""
        async with self._database.transaction() as tx:
            folder = await self._lock(tx, action)
            require_may_change(current_actor(), folder)
            folder.require_status(VfolderStatus.TRASH, VfolderStatus.DELETING)
            if folder.data.status is VfolderStatus.TRASH:
                folder = await self._mark(tx, folder, VfolderStatus.DELETING)
            else:
                tx.note(_note(folder, {}))
        self._deletions.start(folder)
        return _seen(folder)

    async def resume_deletions(self) -> int:
        """Finish what dead processes left: deletions, and folders half made or half restored.

        The number of folders that are gone now.
        """
        until = self._clock.now() - _STALE
        async with self._database.autocommit() as tx:
            abandoned = await self._folders.unfinished(tx, VfolderStatus.PERFORMING, until)
        for folder in abandoned:
            await self._settle(folder)
        return await self._deletions.resume()

    async def run_forever(self) -> None:
        """Resume now, and every few minutes what another process may have left."""
        while True:
            try:
                await self.resume_deletions()
            except TenantryError as error:
                logger.warning("deletions cannot be looked up: %s", error)
            await asyncio.sleep(_PAUSE.total_seconds())

    async def _settle(self, folder: Vfolder) -> None:
        """Make an abandoned folder ready, whether it was being made or restored."""
        place = folder.data.host, folder.id
        try:
            async with answering(self._patience):
                if await self._storage.folder_exists(*place):
                    await self._storage.restore_from_trash(*place)
                else:
                    await self._make(folder)
        except TenantryError as error:
            async with self._database.autocommit() as tx:
                await self._folders.set_status_info(tx, folder.id, str(error))
            return
        await self._set(folder, VfolderStatus.READY)

    async def _make(self, folder: Vfolder) -> None:
        """Make a folder on the storage, and take it away where a purge has come in between.

        One that comes later finds what is made here.
        """
        place = folder.data.host, folder.id
        await self._storage.create_folder(*place)
        async with self._database.autocommit() as tx:
            found = await self._folders.search(tx, [("id", folder.id)], 1)
        if not any(one.data.status is VfolderStatus.PERFORMING for one in found):
            await self._storage.delete_folder(*place)

    async def _lock(self, tx: Transaction, action: OnVfolder[Any]) -> Vfolder:  # Any: as in find
        return await self._folders.lock(tx, (await find(self._folders, tx, action)).id)

    async def _mark(self, tx: Transaction, folder: Vfolder, status: VfolderStatus) -> Vfolder:
        before = folder.data.status
        await self._folders.set_status(tx, folder.id, before, status, self._clock.now())
        tx.note(_note(folder, {"status": (before.value, status.value)}))
        return await self._folders.lock(tx, folder.id)

    async def _perform(
        self, folder: Vfolder, effect: Awaitable[None], *, otherwise: VfolderStatus
    ) -> VfolderResult:
        """Have the storage act, and mark the performing folder as ready."""
        await self._after_commit(folder, effect, otherwise=otherwise)
        return _seen(await self._set(folder, VfolderStatus.READY))

    async def _set(self, folder: Vfolder, status: VfolderStatus) -> Vfolder:
        """Note that the storage has done its part, unless the folder is elsewhere by now."""
        states = folder.data.status, status
        async with self._database.autocommit() as tx:
            await self._folders.set_status(tx, folder.id, *states, self._clock.now())
            found = await self._folders.search(tx, [("id", folder.id)], 1)
        return meant(found, None)

    async def _after_commit(
        self, folder: Vfolder, effect: Awaitable[None], *, otherwise: VfolderStatus
    ) -> None:
        """Have the storage act; where it refuses, the record and the audit say so."""
        try:
            async with answering(self._patience):
                await effect
        except TenantryError as error:
            states = folder.data.status, otherwise
            async with self._database.transaction() as tx:
                now = self._clock.now()
                await self._folders.set_status(tx, folder.id, *states, now, info=str(error))
                tx.note(_note(folder, {}, outcome=Outcome.FAILED, reason=error.code))
            raise

    async def _host(self, named: str | None) -> str:
        async with answering(self._patience):
            hosts = await self._storage.hosts()
        if named is None and hosts:
            return hosts[0]
        if named not in hosts:
            known = ", ".join(hosts) or "none"
            message = f"there is no such storage host; there are: {known}"
            raise InvalidInput.of("host", "unknown", message)
        return named


def _seen(folder: Vfolder) -> VfolderResult:
    return VfolderResult(seen_by(current_actor(), folder.data))


def _note(
    folder: Vfolder,
    changes: Mapping[str, tuple[object, object]],
    *,
    outcome: Outcome = Outcome.SUCCEEDED,
    reason: str | None = None,
    person_id: UUID | None = None,
) -> Note:
    return Note(
        target=folder.data.name,
        target_id=folder.id,
        tenant_id=folder.data.tenant_id,
        changes=changes,
        outcome=outcome,
        reason=reason,
        person_id=person_id or folder.data.owner_id,
    )
