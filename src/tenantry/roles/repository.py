"""Reads and writes roles, who holds them and what they inherit. Never begins or commits."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.errors import RoleConflict, RoleNotFound
from tenantry.kernel.transaction import ConstraintViolation, Row, Transaction
from tenantry.privileges.model import DatabaseObject
from tenantry.roles import queries
from tenantry.roles.model import RoleData, RoleFilter, RoleMember
from tenantry.roles.powers import Power
from tenantry.roles.rules import Definition
from tenantry.users.access import Scope
from tenantry.users.model import is_uuid
from tenantry.users.names import fold, login_key

_FIELDS = RoleData.__struct_fields__


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name counts: in a tenant (None: on the platform), or after that on the platform."""

    tenant_id: UUID | None
    then_platform: bool = False


@dataclass(frozen=True, slots=True)
class RoleKey:
    """As much of a role as it takes to assign it."""

    id: UUID
    name: str
    tenant_id: UUID | None


class RoleRepository:
    """Roles. ``scope`` says what the asker can see; the rest does not exist."""

    async def get(self, tx: Transaction, named: str, place: Place, scope: Scope) -> RoleData:
        """The role of this id, or of this name in that place; RoleNotFound."""
        found = await self.find(tx, named, place, scope)
        if found is None:
            raise RoleNotFound(field="role")
        return found

    async def find(
        self, tx: Transaction, named: str, place: Place, scope: Scope
    ) -> RoleData | None:
        """The same, or None."""
        by, arguments = _found_by(named, place, scope)
        row = await tx.fetchrow(queries.FIND[by], *arguments)
        return _role(row) if row else None

    async def locate(self, tx: Transaction, named: str, place: Place, scope: Scope) -> UUID:
        """The id alone, which a role of very many members gives as fast as any; RoleNotFound."""
        by, arguments = _found_by(named, place, scope)
        role_id: UUID | None = await tx.fetchval(queries.LOCATE[by], *arguments)
        if role_id is None:
            raise RoleNotFound(field="role")
        return role_id

    async def find_locked(
        self, tx: Transaction, named: str, place: Place, scope: Scope
    ) -> RoleData | None:
        """Like ``find``, and nobody else changes it until the transaction ends."""
        by, arguments = _found_by(named, place, scope)
        row = await tx.fetchrow(queries.LOCK[by], *arguments)
        return _role(row) if row else None

    async def lock(self, tx: Transaction, named: str, place: Place, scope: Scope) -> RoleData:
        """Like ``get``, and nobody else changes it until the transaction ends."""
        found = await self.find_locked(tx, named, place, scope)
        if found is None:
            raise RoleNotFound(field="role")
        return found

    async def resolve(
        self, tx: Transaction, named: Sequence[str], place: Place, scope: Scope
    ) -> dict[str, RoleKey]:
        """Roles by what they were called; those that are not there are missing."""
        ids = {text: UUID(text) for text in named if is_uuid(text)}
        keys = {text: login_key(text) for text in named if text not in ids}
        rows = await tx.fetch(
            queries.RESOLVE,
            scope.tenant_id,
            scope.user_id,
            list(ids.values()),
            place.tenant_id,
            place.then_platform,
            list(keys.values()),
        )
        by_id = {row["id"]: RoleKey(row["id"], row["name"], row["tenant_id"]) for row in rows}
        by_key = {row["name_key"]: by_id[row["id"]] for row in rows if _in(row, place)}
        found = {text: by_id[role_id] for text, role_id in ids.items() if role_id in by_id}
        return found | {text: by_key[key] for text, key in keys.items() if key in by_key}

    async def insert(
        self,
        tx: Transaction,
        role_id: UUID,
        tenant_id: UUID | None,
        role: Definition,
        now: datetime,
    ) -> None:
        """Add a role; RoleConflict when there is one of this name in its place."""
        try:
            await tx.execute(queries.INSERT, role_id, tenant_id, *_columns(role), now)
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation
        await ChangeLog.note(tx, Change(ChangeKind.ROLE, role_id))

    async def update(self, tx: Transaction, role_id: UUID, role: Definition, now: datetime) -> None:
        """Change a role; RoleConflict as above."""
        try:
            await tx.execute(queries.UPDATE, role_id, *_columns(role), now)
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation
        await ChangeLog.note(tx, Change(ChangeKind.ROLE, role_id))

    async def delete(self, tx: Transaction, role_id: UUID) -> None:
        """Delete a role, with who holds it and what inherits it."""
        await tx.execute(queries.DELETE, role_id)
        await ChangeLog.note(tx, Change(ChangeKind.ROLE, role_id))

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        wanted: RoleFilter,
        *,
        tenant_id: UUID | None = None,
        holder_id: UUID | None = None,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> list[RoleData]:
        """Roles after this name and id that fit, of the tenant and the holder if named."""
        key, role_id = after or (None, None)
        rows = await tx.fetch(
            queries.PAGE,
            scope.tenant_id,
            scope.user_id,
            key,
            role_id,
            holder_id,
            None if wanted.text is None else f"%{_escaped(fold(wanted.text))}%",
            wanted.permission,
            wanted.database,
            tenant_id,
            limit,
        )
        return [_role(row) for row in rows]

    async def members(
        self,
        tx: Transaction,
        role_id: UUID,
        scope: Scope,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> list[tuple[RoleMember, str]]:
        """Members after this name and id, each with the name that it is ordered by."""
        key, user_id = after or (None, None)
        rows = await tx.fetch(queries.MEMBERS, role_id, key, user_id, scope.tenant_id, limit)
        return [(_member(row), row["username_key"]) for row in rows]

    async def assign(
        self,
        tx: Transaction,
        entries: Sequence[tuple[UUID, UUID]],
        now: datetime,
        by: UUID | None,
    ) -> set[UUID]:
        """Have users hold roles, as pairs of role and user; the roles that were new to one."""
        role_ids = [role_id for role_id, _ in entries]
        user_ids = [user_id for _, user_id in entries]
        rows = await tx.fetch(queries.ASSIGN, role_ids, user_ids, now, by)
        changed = dict.fromkeys(row["user_id"] for row in rows)
        await ChangeLog.note(tx, *(Change(ChangeKind.USER, user_id) for user_id in changed))
        return {row["role_id"] for row in rows}

    async def remove(self, tx: Transaction, role_id: UUID, user_id: UUID) -> int:
        """Have a user hold a role no more; 0 when it was not held."""
        rows = await tx.execute(queries.REMOVE, role_id, user_id)
        if rows:
            await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))
        return rows

    async def held_names(self, tx: Transaction, user_id: UUID) -> list[str]:
        """The names of the roles that a user holds directly."""
        return [row["name"] for row in await tx.fetch(queries.HELD_NAMES, user_id)]

    async def count_held(self, tx: Transaction, user_id: UUID) -> int:
        """How many those are."""
        count: int = await tx.fetchval(queries.COUNT_HELD, user_id)
        return count

    async def leave(self, tx: Transaction, user_id: UUID, left: UUID, joined: UUID) -> int:
        """Have a user hold no role of the tenant left, and none beyond a wall, any more."""
        rows = await tx.execute(queries.LEAVE, user_id, left, joined)
        if rows:
            await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))
        return rows

    async def forget(self, tx: Transaction, user_id: UUID) -> int:
        """Have a user hold no role any more; how many there were."""
        rows = await tx.execute(queries.FORGET, user_id)
        if rows:
            await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))
        return rows

    async def is_walled(self, tx: Transaction, tenant_id: UUID, others: Collection[UUID]) -> bool:
        """Whether a wall stands between a tenant and one of the others."""
        return bool(await tx.fetchval(queries.IS_WALLED, tenant_id, list(others)))

    async def powers_of_roles(
        self, tx: Transaction, role_ids: Iterable[UUID]
    ) -> dict[UUID, list[Power]]:
        """What each of the roles comes to, with all that it inherits."""
        found: dict[UUID, list[Power]] = {role_id: [] for role_id in role_ids}
        if found:
            for row in await tx.fetch(queries.POWERS_OF_ROLES, list(found)):
                found[row["root"]].append(_power(row))
        return found

    async def powers_of_user(
        self, tx: Transaction, user_id: UUID, tenant_id: UUID | None
    ) -> list[Power]:
        """What a user's roles, of the own tenant and the platform, and grants come to."""
        rows = await tx.fetch(queries.POWERS_OF_USER, user_id, tenant_id)
        return [_power(row) for row in rows]

    async def hold_inheritance(self, tx: Transaction) -> None:
        """Wait until nobody else is about to change what roles inherit."""
        await tx.fetch(queries.HOLD_INHERITANCE)

    async def ancestry(self, tx: Transaction, role_id: UUID) -> list[tuple[UUID, UUID, str]]:
        """From a role upward: who inherits from whom, and that one's name."""
        rows = await tx.fetch(queries.ANCESTRY, role_id)
        return [(row["role_id"], row["parent_id"], row["name"]) for row in rows]

    async def inherit(
        self, tx: Transaction, role_id: UUID, parent_id: UUID, now: datetime, by: UUID | None
    ) -> int:
        """Have a role inherit from another one; 0 when it did already."""
        rows = await tx.execute(queries.INHERIT, role_id, parent_id, now, by)
        if rows:
            await ChangeLog.note(tx, Change(ChangeKind.ROLE, role_id))
        return rows

    async def disinherit(self, tx: Transaction, role_id: UUID, parent_id: UUID) -> int:
        """Have a role inherit from another one no more; 0 when it did not."""
        rows = await tx.execute(queries.DISINHERIT, role_id, parent_id)
        if rows:
            await ChangeLog.note(tx, Change(ChangeKind.ROLE, role_id))
        return rows


def name_key(role: RoleData) -> str:
    """What a role is ordered by."""
    return fold(role.name)


def _found_by(named: str, place: Place, scope: Scope) -> tuple[str, tuple[object, ...]]:
    seen = scope.tenant_id, scope.user_id
    if is_uuid(named):
        return "id", (*seen, UUID(named))
    return "name", (*seen, login_key(named), place.tenant_id, place.then_platform)


def _in(row: Row, place: Place) -> bool:
    """Whether a role's name counts in a place."""
    return row["tenant_id"] == place.tenant_id or (place.then_platform and not row["tenant_id"])


def _columns(role: Definition) -> tuple[object, ...]:
    return role.name, fold(role.name), role.description, role.permissions, role.databases


def _role(row: Row) -> RoleData:
    return RoleData(**{name: row[name] for name in _FIELDS})


def _member(row: Row) -> RoleMember:
    return RoleMember(**{name: row[name] for name in RoleMember.__struct_fields__})


def _power(row: Row) -> Power:
    on = DatabaseObject(row["database"], row["schema"], row["table"])
    return Power(row["name"], on, row["within_id"], row["valid_from"], row["valid_until"])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _meaning(violation: ConstraintViolation) -> Exception:
    """What a broken constraint means to who asked."""
    if violation.constraint == "roles_name_key":
        return RoleConflict("Another role has this name already.", field="name")
    return violation
