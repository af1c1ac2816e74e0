"""Finds who comes into question for what; the engine then chooses among them."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.grants import holder_queries as queries
from tenantry.grants.model import Holder
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.users.access import Scope
from tenantry.users.model import is_uuid
from tenantry.users.names import login_key

_FIRST = UUID(int=0)
Ways = tuple[Statement, Statement]
"""To walk through all memberships, and to ask role by role."""
MANY_ROLES = 100
"""Members of so many roles are met soon among all memberships; to ask each role takes longer."""


class HolderRepository:
    """Users by what they might hold. ``scope`` says whom the asker can see."""

    async def user_ids(
        self, tx: Transaction, scope: Scope, named: Sequence[str]
    ) -> dict[str, UUID]:
        """The ids of users by what they were called; those who are not there are missing."""
        ids = {text: UUID(text) for text in named if is_uuid(text)}
        keys = {text: login_key(text) for text in named if text not in ids}
        rows = await tx.fetch(
            queries.USER_IDS,
            list(set(ids.values())),
            list(set(keys.values())),
            scope.tenant_id,
            scope.user_id,
        )
        there = {row["id"] for row in rows}
        by_key = {row["username_key"]: row["id"] for row in rows}
        found = {text: user_id for text, user_id in ids.items() if user_id in there}
        return found | {text: by_key[key] for text, key in keys.items() if key in by_key}

    async def opening_roles(
        self, tx: Transaction, privilege: Privilege, on: DatabaseObject
    ) -> list[UUID]:
        """The roles whose members could have the privilege there."""
        asked = [privilege, Privilege.ALL]
        rows = await tx.fetch(queries.OPENING_ROLES, asked, on.database, on.schema, on.table)
        return [row["role_id"] for row in rows]

    async def heirs(self, tx: Transaction, role_id: UUID) -> list[UUID]:
        """A role and all that inherit from it."""
        return [row["role_id"] for row in await tx.fetch(queries.HEIRS, role_id)]

    async def candidates(
        self,
        tx: Transaction,
        scope: Scope,
        privilege: Privilege,
        on: DatabaseObject,
        role_ids: Sequence[UUID],
        *,
        after: UUID | None,
        limit: int,
    ) -> list[UUID]:
        """Users who hold one of these roles, or a grant that covers the object, by id."""
        arguments: list[object] = [[privilege, Privilege.ALL], on.database, on.schema, on.table]
        arguments += [list(role_ids), after or _FIRST, limit]
        everywhere = queries.CANDIDATES_WALKED, queries.CANDIDATES
        in_tenant = queries.CANDIDATES_OF_TENANT_WALKED, queries.CANDIDATES_OF_TENANT
        return await _found(tx, scope, everywhere, in_tenant, len(role_ids), arguments)

    async def members(
        self,
        tx: Transaction,
        scope: Scope,
        role_ids: Sequence[UUID],
        after: UUID | None,
        limit: int,
    ) -> list[UUID]:
        """Users who hold one of these roles, by id."""
        arguments: list[object] = [list(role_ids), after or _FIRST, limit]
        everywhere = queries.MEMBERS_WALKED, queries.MEMBERS
        in_tenant = queries.MEMBERS_OF_TENANT_WALKED, queries.MEMBERS_OF_TENANT
        return await _found(tx, scope, everywhere, in_tenant, len(role_ids), arguments)

    async def described(self, tx: Transaction, user_ids: Sequence[UUID]) -> list[Holder]:
        """These users, by id, without those who have gone meanwhile."""
        return [Holder(**row) for row in await tx.fetch(queries.DESCRIBED, list(user_ids))]

    async def beyond(self, tx: Transaction, tenant_id: UUID) -> list[str]:
        """The databases that a wall keeps a tenant's users out of, or their tenant's suspension."""
        return [row["database"] for row in await tx.fetch(queries.BEYOND, tenant_id)]


async def _found(
    tx: Transaction,
    scope: Scope,
    everywhere: Ways,
    in_tenant: Ways,
    roles: int,
    arguments: list[object],
) -> list[UUID]:
    """Users by id, those in sight, in the way that is the shorter one for so many roles."""
    walked, by_role = everywhere
    if scope.tenant_id is not None:
        walked, by_role = in_tenant
        arguments = [*arguments, scope.tenant_id]
    rows = await tx.fetch(walked, *arguments) if roles > MANY_ROLES else ()
    if not (rows and rows[0]["is_whole"]):
        rows = await tx.fetch(by_role, *arguments)
    return [row["user_id"] for row in rows]
