"""The tenants' part in making and moving a user: room, and a tenant that is there to stay."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from tenantry.errors import StateConflict, TenantLimitReached, TransactionConflict, Violation
from tenantry.kernel.transaction import Row, Transaction
from tenantry.tenants.model import TenantStatus
from tenantry.tenants.repository import TenantRepository
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole


class TenantCompanion:
    """Has newcomers join tenants only that have room and are not on their way out.

    Until the newcomer's transaction ends nobody can begin to delete the tenant; a deletion that
    has begun lets nobody in. So it finds all users that there will ever be.
    """

    def __init__(self, *, tenant_repository: TenantRepository) -> None:
        self._tenants = tenant_repository

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> Mapping[int, Violation]:
        """Who cannot be made because the tenant is full, or on its way out."""
        standing = await self._standing(tx, {tenant_id for tenant_id, _ in wanted})
        present = {
            tenant_id: await self._tenants.count_users(tx, tenant_id)
            for tenant_id, tenant in standing.items()
            if tenant["max_users"] is not None
        }
        found: dict[int, Violation] = {}
        for place, (tenant_id, creator) in enumerate(wanted):
            try:
                _require_open(standing[tenant_id], creator.role)
                if tenant_id in present:
                    _require_room(standing[tenant_id], present[tenant_id] + 1)
                    present[tenant_id] += 1
            except StateConflict as error:
                found[place] = Violation("domain_name", error.code, error.message)
        return found

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """StateConflict where a tenant lets nobody in, TenantLimitReached where it is full."""
        await self._require_welcome(tx, [user for user, _ in newcomers])

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """The same for one who comes from another tenant, or becomes a superadmin."""
        if before.tenant_id != after.tenant_id or before.role is not after.role:
            await self._require_welcome(tx, [after])

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Nothing of a user is kept here."""

    async def _require_welcome(self, tx: Transaction, users: Sequence[UserData]) -> None:
        standing = await self._standing(tx, {user.tenant_id for user in users})
        for user in users:
            _require_open(standing[user.tenant_id], user.role)
        for tenant_id, tenant in standing.items():
            if tenant["max_users"] is not None:
                _require_room(tenant, await self._tenants.count_users(tx, tenant_id))

    async def _standing(self, tx: Transaction, tenant_ids: Collection[UUID]) -> dict[UUID, Row]:
        standing = await self._tenants.standing(tx, sorted(tenant_ids))
        if len(standing) < len(tenant_ids):
            raise TransactionConflict  # a limit came or went at this very moment
        return standing


def _require_room(tenant: Row, users: int) -> None:
    if users > tenant["max_users"]:
        message = f"The tenant {tenant['name']} may have {tenant['max_users']} users."
        raise TenantLimitReached(message, field="domain_name", limit=tenant["max_users"])


def _require_open(tenant: Row, role: UserRole) -> None:
    if tenant["status"] == TenantStatus.DELETING:
        message = f"The tenant {tenant['name']} is being deleted."
        raise StateConflict(message, field="domain_name")
    if tenant["status"] != TenantStatus.ACTIVE and role is UserRole.SUPERADMIN:
        message = f"The tenant {tenant['name']} is suspended; a superadmin cannot be in it."
        raise StateConflict(message, field="domain_name")
