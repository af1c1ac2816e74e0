"""The part of a user's purge that is about usage."""

from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.usage.service import UsageService
from tenantry.users.purging import Outcome, Outside, PurgeOrder

_OUTCOME: Outcome = {"kept": "sums, as those of nobody in particular"}


class UsagePurge:
    """Implements ``PurgeStep``: figures lose the name, and the sums stay what they were."""

    name = "usage"

    def __init__(self, *, usage_service: UsageService) -> None:
        self._service = usage_service

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """Nothing stands in the way."""
        return dict(_OUTCOME)

    async def perform(self, order: PurgeOrder) -> Outcome:
        """There is nothing outside the database."""
        return dict(_OUTCOME)

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """Live samples go with their compute sessions."""
        return Outside()

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Take the name off the figures."""
        await self._service.forget(tx, user_id)
