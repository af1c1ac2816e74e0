"""Which roles somebody can see, and where a role's name counts."""

from uuid import UUID

from tenantry.errors import TenantNotFound
from tenantry.kernel.action import Actor
from tenantry.kernel.transaction import Transaction
from tenantry.roles.ports import Users
from tenantry.roles.repository import Place
from tenantry.users.access import Scope


class Places:
    """Finds where the name of a role counts."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def of_name(
        self, tx: Transaction, actor: Actor, tenant: str | None, home: UUID | None
    ) -> Place:
        """The tenant that is named, else the home (the user's or actor's) and the platform."""
        if tenant is None:
            return Place(home, then_platform=True)
        return Place(await self._tenant(tx, actor, tenant))

    async def of_new(self, tx: Transaction, actor: Actor, tenant: str | None) -> Place:
        """Where a role is made: in the tenant named, else in one's own or on the platform."""
        if tenant is not None:
            return Place(await self._tenant(tx, actor, tenant))
        return Place(Scope.of(actor).tenant_id)

    async def _tenant(self, tx: Transaction, actor: Actor, name: str) -> UUID:
        tenant_id = await self._users.find_tenant(tx, name, Scope.of(actor))
        if tenant_id is None:
            raise TenantNotFound(field="domain_name")
        return tenant_id
