"""What becomes of a user's vfolders when the user is purged or goes to another tenant.

For code of the house only: nobody's permission is asked here.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from tenantry.errors import StateConflict, TenantryError, VfolderConflict, Violation
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.storage.deletion import Deletions
from tenantry.storage.model import Handed, Removed, VfolderData, VfolderStatus
from tenantry.storage.names import free_name
from tenantry.storage.ports import Progress
from tenantry.storage.repository import FolderRepository
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole
from tenantry.users.names import fold


class VfolderCompanion:
    """What happens to vfolders along with their owner: a purge's steps, a move between tenants.

    Every step can be repeated at any point, and then does only what is not done yet.
    """

    def __init__(
        self,
        *,
        database: Database,
        folder_repository: FolderRepository,
        deletions: Deletions,
        clock: Clock,
    ) -> None:
        self._database = database
        self._folders = folder_repository
        self._deletions = deletions
        self._clock = clock

    async def owned(self, tx: Transaction, user_id: UUID) -> list[VfolderData]:
        """All that a user owns and that is not gone, in trash or half deleted too."""
        return [folder.data for folder in await self._folders.lock_owned(tx, user_id)]

    async def hand_over_shared(
        self, tx: Transaction, from_user: UUID, to_user: UUID
    ) -> list[Handed]:
        """Make ``to_user`` the owner of what ``from_user`` shares with anybody.

        The heir's resource policy does not count here, as nothing may be lost. The folders stay
        in their tenant; an heir of another one must be a superadmin, who sees them there.
        """
        found = await self._folders.lock_owned(tx, from_user)
        shared = [f for f in found if f.data.status is VfolderStatus.READY and f.data.shares]
        if not shared or from_user == to_user:
            return []
        heir = await self._folders.lock_holder(tx, str(to_user), tenant_id=None, field="to")
        tenants = {folder.data.tenant_id for folder in shared}
        if heir.role is not UserRole.SUPERADMIN and tenants != {heir.tenant_id}:
            raise StateConflict("Vfolders cannot go to a user of another tenant.", field="to")
        taken = set(await self._folders.kept_names(tx, to_user))
        handed = []
        for folder in shared:
            name = free_name(folder.data.name, folder.id, taken)
            if name is None:
                raise VfolderConflict(field="name")
            now = self._clock.now()
            await self._folders.give(tx, folder.id, to_user, name, now, leaver_id=from_user)
            taken.add(fold(name))
            handed.append(Handed(folder.id, folder.data.name, name))
        return handed

    async def delete_all(self, user_id: UUID, *, progress: Progress | None = None) -> Removed:
        """Delete all folders that the user still owns, the trash included; takes its time.

        One that fails does not keep the others; in the end the first failure is raised.
        """
        async with self._database.transaction() as tx:
            folders = await self._folders.lock_owned(tx, user_id)
            await self._folders.doom_all(tx, user_id, self._clock.now())
        failures: list[TenantryError] = []
        files = 0
        for folder in folders:
            try:
                files += await self._deletions.remove(folder, _beyond(files, progress))
            except TenantryError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return Removed(len(folders), files)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the records of a user's folders and all shares by and with the user.

        StateConflict while one is not gone: its files would be left without an owner.
        """
        if await self._folders.lock_owned(tx, user_id):
            raise StateConflict("The user still owns vfolders.", field="user")
        await self._folders.forget(tx, user_id)

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> dict[int, Violation]:
        """None: new users have no folders."""
        return {}

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """New users have no folders."""

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Take the folders along to another tenant; shares across the wall end."""
        if before.tenant_id != after.tenant_id:
            await self._folders.move_tenant(tx, after.id, after.tenant_id)


def _beyond(before: int, progress: Progress | None) -> Callable[[int], Awaitable[None]] | None:
    """Progress that counts on from the folders before."""
    if progress is None:
        return None

    async def report(files: int) -> None:
        await progress(before + files)

    return report
