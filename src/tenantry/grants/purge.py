"""The part of a user's purge that is about grants."""

from uuid import UUID

from tenantry.grants.companion import GrantCompanion
from tenantry.grants.repository import GrantRepository
from tenantry.kernel.transaction import Database, Transaction
from tenantry.users.purging import Outcome, Outside, PurgeOrder


class GrantPurge:
    """Implements ``PurgeStep``: counts direct grants, which go with the user's row."""

    name = "grants"

    def __init__(
        self, *, database: Database, grant_repository: GrantRepository, companion: GrantCompanion
    ) -> None:
        self._database = database
        self._grants = grant_repository
        self._companion = companion

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """How many there are; nothing stands in the way."""
        return {"removed": await self._grants.count(tx, order.user_id)}

    async def perform(self, order: PurgeOrder) -> Outcome:
        """There is nothing outside the database; nobody grants a user any more who is purged."""
        async with self._database.autocommit() as tx:
            return await self.plan(tx, order)

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """Nothing."""
        return Outside()

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the rows."""
        await self._companion.forget(tx, user_id)
