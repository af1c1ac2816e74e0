"""The part of a user's purge that is about roles."""

from uuid import UUID

from tenantry.kernel.transaction import Database, Transaction
from tenantry.roles.companion import RoleCompanion
from tenantry.roles.repository import RoleRepository
from tenantry.users.purging import Outcome, Outside, PurgeOrder


class RolePurge:
    """Implements ``PurgeStep``: counts the roles held, which are forgotten with the user's row."""

    name = "roles"

    def __init__(
        self, *, database: Database, role_repository: RoleRepository, companion: RoleCompanion
    ) -> None:
        self._database = database
        self._roles = role_repository
        self._companion = companion

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """How many there are; nothing stands in the way."""
        return {"removed": await self._roles.count_held(tx, order.user_id)}

    async def perform(self, order: PurgeOrder) -> Outcome:
        """There is nothing outside the database; who is purged gets no role any more."""
        async with self._database.autocommit() as tx:
            return await self.plan(tx, order)

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """Nothing."""
        return Outside()

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the rows."""
        await self._companion.forget(tx, user_id)
