"""Reads and writes tenants and their databases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.errors import TenantConflict, TenantNotFound
from tenantry.kernel.transaction import ConstraintViolation, Row, Transaction
from tenantry.tenants import queries
from tenantry.tenants.model import (
    Columns,
    TenantData,
    TenantDatabase,
    TenantStatus,
)
from tenantry.users.access import Scope
from tenantry.users.model import is_uuid
from tenantry.users.names import fold, login_key, search_text

_NOBODY = UUID(int=0)


class TenantRepository:
    """Tenants. ``scope`` says which the asker can see; others do not exist."""

    async def get(self, tx: Transaction, named: str, scope: Scope) -> TenantData:
        """The tenant of this name or id; TenantNotFound where there is none in sight."""
        found = await self.find(tx, named, scope)
        if found is None:
            raise TenantNotFound(field="tenant")
        return found

    async def find(self, tx: Transaction, named: str, scope: Scope) -> TenantData | None:
        """The tenant, or None."""
        by, value = _found_by(named)
        row = await tx.fetchrow(queries.FIND[by], value, scope.tenant_id)
        return _tenant(row) if row else None

    async def lock(self, tx: Transaction, named: str, scope: Scope) -> TenantData:
        """Like ``get``, and nobody else changes it until the transaction ends."""
        by, value = _found_by(named)
        row = await tx.fetchrow(queries.LOCK[by], value, scope.tenant_id)
        if row is None:
            raise TenantNotFound(field="tenant")
        return _tenant(row)

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        *,
        text: str | None,
        status: TenantStatus | None,
        isolated: bool | None,
        after: tuple[str, UUID] | None,
        limit: int,
    ) -> list[tuple[TenantData, str]]:
        """Tenants by name, each with what it is ordered by."""
        key, tenant_id = after or (None, None)
        pattern = f"%{_escaped(fold(text))}%" if text is not None else None
        state = status.value if status else None
        rows = await tx.fetch(
            queries.PAGE, key, scope.tenant_id, tenant_id, pattern, state, isolated, limit
        )
        return [(_tenant(row), row["name_key"]) for row in rows]

    async def insert(
        self, tx: Transaction, tenant_id: UUID, name: str, description: str | None, now: datetime
    ) -> None:
        """Add a tenant; TenantConflict when there is one of this name."""
        searched = search_text(name, description)
        try:
            await tx.execute(
                queries.INSERT, tenant_id, name, fold(name), description, searched, now
            )
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation

    async def update(
        self, tx: Transaction, tenant: TenantData, changes: Columns, now: datetime
    ) -> None:
        """Change what is among the changes; TenantConflict as above."""
        fields = ("name", "description", "max_users", "max_databases")
        name, description, *limits = (changes.get(f, getattr(tenant, f)) for f in fields)
        searched = search_text(name, description)
        try:
            await tx.execute(
                queries.UPDATE, tenant.id, name, fold(name), description, searched, *limits, now
            )
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation
        if "name" in changes:
            await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant.id))

    async def set_status(
        self,
        tx: Transaction,
        tenant_id: UUID,
        status: TenantStatus,
        reason: str | None,
        now: datetime,
    ) -> None:
        """Set the status, and end all logins.

        They end also when the tenant becomes active again: a login that was under way when it
        was suspended may have come to a session since.
        """
        await tx.execute(queries.SET_STATUS, tenant_id, status.value, reason, now)
        await tx.execute(queries.END_SESSIONS, tenant_id, now)
        await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant_id))

    async def set_isolated(
        self, tx: Transaction, tenant_id: UUID, now: datetime, *, isolated: bool
    ) -> None:
        """Close the wall, or open it."""
        await tx.execute(queries.SET_ISOLATED, tenant_id, isolated, now)
        await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant_id))

    async def has_superadmin(self, tx: Transaction, tenant_id: UUID) -> bool:
        """Whether a superadmin is in it; nobody else judges that until the transaction ends."""
        return bool(await tx.fetchval(queries.HAS_SUPERADMIN, tenant_id))

    async def standing(self, tx: Transaction, tenant_ids: Sequence[UUID]) -> dict[UUID, Row]:
        """The id, name, status and max_users of tenants, which stay so until the end.

        Newcomers of a tenant with a limit come one after the other.
        """
        rows = [
            *await tx.fetch(queries.STANDING, list(tenant_ids)),
            *await tx.fetch(queries.STANDING_LIMITED, list(tenant_ids)),
        ]
        return {row["id"]: row for row in rows}

    async def count_users(self, tx: Transaction, tenant_id: UUID) -> int:
        """How many users a tenant has, deleted ones included."""
        return int(await tx.fetchval(queries.COUNT_USERS, tenant_id))

    async def users_left(
        self, tx: Transaction, tenant_id: UUID, after: UUID | None, limit: int
    ) -> list[UUID]:
        """Ids of users of a tenant, in order."""
        rows = await tx.fetch(queries.USERS_LEFT, tenant_id, after or _NOBODY, limit)
        return [row["id"] for row in rows]

    async def users_running(self, tx: Transaction, tenant_id: UUID) -> list[UUID]:
        """Ids of the users of a tenant who have live compute sessions."""
        return [row["user_id"] for row in await tx.fetch(queries.USERS_RUNNING, tenant_id)]

    async def find_database(self, tx: Transaction, database: str) -> TenantDatabase | None:
        """The database with its tenant; None where it belongs to none."""
        row = await tx.fetchrow(queries.DATABASE, database)
        return TenantDatabase(**row) if row else None

    async def databases(
        self, tx: Transaction, tenant_id: UUID, after: str | None, limit: int
    ) -> list[TenantDatabase]:
        """The databases of a tenant by name."""
        rows = await tx.fetch(queries.DATABASES, tenant_id, after, limit)
        return [TenantDatabase(**row) for row in rows]

    async def assign_database(
        self,
        tx: Transaction,
        database: str,
        tenant_id: UUID,
        actor_id: UUID | None,
        now: datetime,
    ) -> bool:
        """Give it to the tenant; False when that had it already."""
        given = await tx.execute(queries.ASSIGN_DATABASE, database, tenant_id, now, actor_id) > 0
        if given:
            await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant_id))
        return given

    async def release_database(self, tx: Transaction, database: str, tenant_id: UUID) -> bool:
        """Take it from the tenant; False when that did not have it."""
        taken = await tx.execute(queries.RELEASE_DATABASE, database, tenant_id) > 0
        if taken:
            await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant_id))
        return taken

    async def count_belongings(self, tx: Transaction, tenant_id: UUID) -> dict[str, int]:
        """How many there are of what goes with the tenant."""
        return {
            name: int(await tx.fetchval(queries.COUNT[name], tenant_id)) for name in queries.REMOVED
        }

    async def remove(self, tx: Transaction, tenant_id: UUID) -> dict[str, int]:
        """Remove the tenant, which has no user any more, and what goes with it; how many."""
        removed = {
            name: await tx.execute(queries.REMOVE_ALL[name], tenant_id) for name in queries.REMOVED
        }
        await tx.execute(queries.REMOVE, tenant_id)
        await ChangeLog.note(tx, Change(ChangeKind.TENANT, tenant_id))
        return removed


def _found_by(named: str) -> tuple[str, object]:
    return ("id", UUID(named)) if is_uuid(named) else ("name", login_key(named))


def _tenant(row: Row) -> TenantData:
    values: dict[str, Any] = {name: row[name] for name in TenantData.__struct_fields__}
    return TenantData(**{**values, "status": TenantStatus(row["status"])})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _meaning(violation: ConstraintViolation) -> Exception:
    """What a broken constraint means to who asked."""
    if violation.constraint == "tenants_name_key":
        return TenantConflict("Another tenant has this name already.", field="name")
    return violation
