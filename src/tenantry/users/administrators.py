"""The last administrator stays, decided under a lock, so that no two at once can both leave."""

from typing import Protocol
from uuid import UUID

from tenantry.errors import LastAdministrator
from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserData, UserRole


class Administrators(Protocol):
    """What is asked of the users here; their repository is one."""

    async def lock_administrators(
        self, tx: Transaction, role: UserRole, tenant_id: UUID | None
    ) -> None:
        """Wait until nobody else is about to reduce the superadmins, or a tenant's admins."""

    async def has_others(
        self, tx: Transaction, role: UserRole, user_id: UUID, tenant_id: UUID | None
    ) -> bool:
        """Whether an active user other than this one has the role."""


async def require_another(users: Administrators, tx: Transaction, user: UserData) -> None:
    """LastAdministrator if the user is the last active superadmin, or admin of the tenant."""
    if user.role not in (UserRole.SUPERADMIN, UserRole.ADMIN) or not user.is_active:
        return
    await users.lock_administrators(tx, user.role, user.tenant_id)
    if not await users.has_others(tx, user.role, user.id, user.tenant_id):
        raise LastAdministrator(
            f"{user.username} is the last active {user.role}; appoint another one first.",
            field="role",
        )
