"""Reads and writes grants. Never begins or commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.grants import queries
from tenantry.grants.model import GrantData, PrincipalType
from tenantry.grants.principals import Principal
from tenantry.grants.rules import Bounds
from tenantry.kernel.clock import uuid7
from tenantry.kernel.transaction import Row, Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.users.access import Scope


@dataclass(frozen=True, slots=True)
class Wanted:
    """Grants as they are asked for."""

    privileges: Sequence[Privilege]
    object: DatabaseObject
    bounds: Bounds
    reason: str | None


class GrantRepository:
    """Grants. Whoever changes a principal's has locked the principal."""

    async def add(
        self,
        tx: Transaction,
        principal: Principal,
        wanted: Wanted,
        *,
        within_id: UUID | None,
        granted_by: UUID | None,
        now: datetime,
    ) -> tuple[list[GrantData], list[GrantData]]:
        """Give these; what is new, and what was there already."""
        rows = await tx.fetch(
            queries.ADD,
            sorted(uuid7(now) for _ in wanted.privileges),
            list(wanted.privileges),
            principal.user_id,
            principal.role_id,
            *_parts(wanted.object),
            within_id,
            granted_by,
            now,
            wanted.bounds.valid_from,
            wanted.bounds.valid_until,
            wanted.reason,
        )
        new = {row["id"] for row in rows}
        if new:
            await ChangeLog.note(tx, _change(principal))
        found = await tx.fetch(
            queries.SAME,
            principal.user_id,
            principal.role_id,
            *_parts(wanted.object),
            list(wanted.privileges),
            within_id,
            wanted.bounds.valid_from,
            wanted.bounds.valid_until,
        )
        grants = [_grant(row) for row in found]
        return [g for g in grants if g.id in new], [g for g in grants if g.id not in new]

    async def take_exact(
        self,
        tx: Transaction,
        principal: Principal,
        privileges: Sequence[Privilege],
        on: DatabaseObject,
        within_id: UUID | None,
    ) -> list[GrantData]:
        """Remove these on just this object, those within a tenant if one is named; which."""
        return await self._take(tx, "exact", principal, privileges, on, within_id)

    async def take_below(
        self, tx: Transaction, principal: Principal, on: DatabaseObject, within_id: UUID | None
    ) -> list[GrantData]:
        """Remove all on this object and inside it, likewise."""
        return await self._take(tx, "below", principal, list(Privilege), on, within_id)

    async def _take(
        self,
        tx: Transaction,
        reach: str,
        principal: Principal,
        privileges: Sequence[Privilege],
        on: DatabaseObject,
        within_id: UUID | None,
    ) -> list[GrantData]:
        rows = await tx.fetch(
            queries.FIND[reach],
            principal.user_id,
            principal.role_id,
            *_parts(on),
            list(privileges),
            within_id,
        )
        return await self._remove(tx, [_grant(row) for row in rows], _change(principal))

    async def _remove(
        self, tx: Transaction, grants: Sequence[GrantData], change: Change
    ) -> list[GrantData]:
        """Remove these; those that nobody has removed meanwhile."""
        if not grants:
            return []
        rows = await tx.fetch(queries.DELETE, [grant.id for grant in grants])
        await ChangeLog.note(tx, change)
        gone = {row["id"] for row in rows}
        return [grant for grant in grants if grant.id in gone]

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        *,
        principal: Principal | None,
        members_of: UUID | None,
        within: DatabaseObject,
        after: UUID | None,
        limit: int,
    ) -> list[GrantData]:
        """Grants in the order in which they were given."""
        rows = await tx.fetch(
            queries.PAGE,
            after,
            principal.user_id if principal else None,
            principal.role_id if principal else None,
            members_of,
            *_parts(within),
            scope.tenant_id,
            scope.user_id,
            limit,
        )
        return [_grant(row) for row in rows]

    async def is_dormant(self, tx: Transaction, database: str, tenant_id: UUID) -> bool:
        """Whether a database is none of the tenant's, as far as that can be seen."""
        return bool(await tx.fetchval(queries.DORMANT, database, tenant_id))

    async def is_walled(self, tx: Transaction, database: str, tenant_id: UUID) -> bool:
        """Whether a closed wall stands between a tenant and a database."""
        return bool(await tx.fetchval(queries.WALLED, database, tenant_id))

    async def take_forbidden(
        self, tx: Transaction, user_id: UUID, tenant_id: UUID
    ) -> list[GrantData]:
        """Remove what a user of this tenant holds beyond a closed wall; which."""
        rows = await tx.fetch(queries.FORBIDDEN, user_id, tenant_id)
        change = Change(ChangeKind.USER, user_id)
        return await self._remove(tx, [_grant(row) for row in rows], change)

    async def count(self, tx: Transaction, user_id: UUID) -> int:
        """How many direct grants a user has."""
        return int(await tx.fetchval(queries.COUNT, user_id))

    async def forget(self, tx: Transaction, user_id: UUID) -> int:
        """Remove all direct grants of a user; how many there were."""
        count = await tx.execute(queries.FORGET, user_id)
        if count:
            await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))
        return count


def _change(principal: Principal) -> Change:
    of_user = principal.type is PrincipalType.USER
    return Change(ChangeKind.USER if of_user else ChangeKind.ROLE, principal.id)


def _parts(on: DatabaseObject) -> tuple[str | None, str | None, str | None]:
    return on.database, on.schema, on.table


def _grant(row: Row) -> GrantData:
    values = {**row, "privilege": Privilege(row["privilege"])}
    return GrantData(**{**values, "principal_type": PrincipalType(row["principal_type"])})
