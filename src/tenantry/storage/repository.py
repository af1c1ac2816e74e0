"""Reads and writes vfolders and shares. Never begins or commits; that is the service's."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tenantry.compute.limits import KeypairLimits
from tenantry.errors import UserNotFound, VfolderConflict, VfolderNotFound
from tenantry.kernel.transaction import ConstraintViolation, Row, Transaction
from tenantry.storage import queries
from tenantry.storage.model import (
    Holder,
    LeftFolder,
    Mountable,
    Quota,
    SharePermission,
    Vfolder,
    VfolderData,
    VfolderShare,
    VfolderStatus,
)
from tenantry.users.model import UserRole, UserStatus, is_uuid
from tenantry.users.names import fold, login_key

_PLAIN = [n for n in VfolderData.__struct_fields__ if n not in ("status", "shares")]


class FolderRepository:
    """The tables vfolders and vfolder_shares. Folders that are gone do not exist here."""

    async def search(
        self, tx: Transaction, conditions: Sequence[tuple[str, object]], limit: int
    ) -> list[Vfolder]:
        """Folders by name for which all conditions hold; see ``queries.CONDITIONS``."""
        statement, arguments = queries.search_statement(conditions, limit)
        return [_folder(row) for row in await tx.fetch(statement, *arguments)]

    async def lock(self, tx: Transaction, folder_id: UUID) -> Vfolder:
        """The folder, which nobody else changes until the end; VfolderNotFound."""
        row = await tx.fetchrow(queries.LOCK, folder_id)
        if row is None:
            raise VfolderNotFound(field="folder")
        return _folder(row)

    async def lock_owned(self, tx: Transaction, owner_id: UUID) -> list[Vfolder]:
        """All folders of a user, in whatever state, locked."""
        return [_folder(row) for row in await tx.fetch(queries.LOCK_OWNED, owner_id)]

    async def unfinished(
        self, tx: Transaction, status: VfolderStatus, until: datetime
    ) -> list[Vfolder]:
        """Folders that are performing or deleting since before this moment."""
        return [_folder(row) for row in await tx.fetch(queries.UNFINISHED, status.value, until)]

    async def lock_holder(
        self, tx: Transaction, named: str, *, tenant_id: UUID | None, field: str
    ) -> Holder:
        """A user by id or username, in this tenant if one is given; UserNotFound names ``field``.

        Until the end of the transaction nobody else adds to the user's folders.
        """
        by_id = is_uuid(named.strip())
        statement = queries.LOCK_HOLDER["id" if by_id else "username"]
        value = UUID(named.strip()) if by_id else login_key(named)
        row = await tx.fetchrow(statement, value, tenant_id)
        if row is None:
            raise UserNotFound(field=field)
        return Holder(
            id=row["id"],
            username=row["username"],
            tenant_id=row["tenant_id"],
            role=UserRole(row["role"]),
            status=UserStatus(row["status"]),
            max_vfolder_count=row["max_vfolder_count"],
            limits=KeypairLimits.of(row["limits"]),
        )

    async def kept_names(self, tx: Transaction, owner_id: UUID) -> list[str]:
        """The keys of the names that are taken among a user's folders."""
        return [row["name_key"] for row in await tx.fetch(queries.KEPT_NAMES, owner_id)]

    async def insert(
        self,
        tx: Transaction,
        *,
        folder_id: UUID,
        owner: Holder,
        creator_id: UUID | None,
        name: str,
        host: str,
        now: datetime,
    ) -> None:
        """Add a performing folder; VfolderConflict where the owner has one of this name."""
        key = fold(name)
        try:
            await tx.execute(
                queries.INSERT,
                folder_id,
                owner.tenant_id,
                owner.id,
                creator_id,
                name,
                key,
                host,
                now,
            )
        except ConstraintViolation as violation:
            if violation.constraint != "vfolders_owner_name_key":
                raise
            raise VfolderConflict(field="name") from violation

    async def set_status(
        self,
        tx: Transaction,
        folder_id: UUID,
        before: VfolderStatus,
        after: VfolderStatus,
        now: datetime,
        *,
        info: str | None = None,
    ) -> bool:
        """Go from one state to the other; False where it was not in the first."""
        arguments = folder_id, before.value, after.value, info, now
        return await tx.execute(queries.SET_STATUS, *arguments) == 1

    async def set_files_left(self, tx: Transaction, folder_id: UUID, files: int | None) -> None:
        """Say how many files are left of a folder that is being deleted."""
        await tx.execute(queries.SET_FILES_LEFT, folder_id, files)

    async def set_status_info(self, tx: Transaction, folder_id: UUID, info: str) -> None:
        """Say what the storage refused."""
        await tx.execute(queries.SET_STATUS_INFO, folder_id, info)

    async def give(
        self,
        tx: Transaction,
        folder_id: UUID,
        to: UUID,
        name: str,
        now: datetime,
        *,
        leaver_id: UUID | None = None,
    ) -> None:
        """Make another user the owner; what was shared with that user is now owned."""
        await tx.execute(queries.GIVE, folder_id, to, name, fold(name), now, leaver_id)
        await tx.execute(queries.UNSHARE, folder_id, to)

    async def doom_all(self, tx: Transaction, leaver_id: UUID, now: datetime) -> None:
        """Mark all that a user owns as to be deleted."""
        await tx.execute(queries.DOOM_ALL, leaver_id, now)

    async def left_by(self, tx: Transaction, leaver_id: UUID) -> list[LeftFolder]:
        """What became of a user's folders in a purge, until the user is forgotten."""
        rows = await tx.fetch(queries.LEFT_BY, leaver_id)
        return [LeftFolder(row["id"], row["name"], row["owner_id"] != leaver_id) for row in rows]

    async def move_tenant(self, tx: Transaction, owner_id: UUID, tenant_id: UUID) -> None:
        """Take a user's folders along to another tenant; no share goes across the wall."""
        await tx.execute(queries.DROP_SHARES_OF_USER, owner_id)
        await tx.execute(queries.MOVE_TENANT, owner_id, tenant_id)

    async def share(
        self,
        tx: Transaction,
        folder_id: UUID,
        user_id: UUID,
        permission: SharePermission,
        granted_by: UUID | None,
        now: datetime,
    ) -> None:
        """Let a user use a folder; an equal share stays as it is."""
        arguments = folder_id, user_id, permission.value, granted_by, now
        await tx.execute(queries.SHARE, *arguments)

    async def unshare(self, tx: Transaction, folder_id: UUID, user_id: UUID) -> None:
        """Take a share back if there is one."""
        await tx.execute(queries.UNSHARE, folder_id, user_id)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove a user's shares, and the records of folders that are gone."""
        await tx.execute(queries.DROP_SHARES_OF_USER, user_id)
        await tx.execute(queries.DROP_GONE, user_id)

    async def gone(self, tx: Transaction, owner_id: UUID) -> dict[str, list[UUID]]:
        """The folders of a user that are gone and still on record, by host."""
        rows = await tx.fetch(queries.GONE, owner_id)
        return {row["host"]: row["ids"] for row in rows}

    async def mountable(
        self, tx: Transaction, user_id: UUID, folder_ids: Collection[UUID], keys: Collection[str]
    ) -> list[Mountable]:
        """Those of these ids and names that the user may mount, locked against deletion."""
        rows = await tx.fetch(queries.MOUNTABLE, user_id, list(folder_ids), list(keys))
        return [
            Mountable(
                id=row["id"],
                name=row["name"],
                host=row["host"],
                owner_id=row["owner_id"],
                is_own=row["is_own"],
                permission=SharePermission(row["permission"]),
            )
            for row in rows
        ]

    async def limits(self, tx: Transaction, user_id: UUID) -> KeypairLimits | None:
        """What a user's keypair policy allows; None for one without a main access key."""
        return KeypairLimits.of(await tx.fetchval(queries.LIMITS, user_id))

    async def quota(self, tx: Transaction, owner_id: UUID) -> Quota:
        """A user's quota, and what the folders that count held when they were last measured."""
        row = await tx.fetchrow(queries.QUOTA, owner_id)
        return Quota(row["quota"], row["used"]) if row else Quota(None, 0)

    async def to_measure(
        self, tx: Transaction, owner_ids: Collection[UUID], since: datetime
    ) -> list[tuple[UUID, str]]:
        """Folders, with their hosts, that count for a quota and were not measured since then."""
        rows = await tx.fetch(queries.TO_MEASURE, list(owner_ids), since)
        return [(row["id"], row["host"]) for row in rows]

    async def set_used(self, tx: Transaction, folder_id: UUID, used: int, now: datetime) -> None:
        """Note what a folder holds."""
        await tx.execute(queries.SET_USED, folder_id, used, now)


def _folder(row: Row) -> Vfolder:
    data = VfolderData(
        **{name: row[name] for name in _PLAIN},
        status=VfolderStatus(row["status"]),
        shares=msgspec.json.decode(row["shares_text"], type=list[VfolderShare]),
    )
    return Vfolder(data, UserRole(row["owner_role"]))
