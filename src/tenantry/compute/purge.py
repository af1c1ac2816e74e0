"""The part of a user's purge that is about compute sessions."""

from uuid import UUID

from tenantry.compute.repository import ComputeRepository
from tenantry.compute.service import ComputeService
from tenantry.errors import UserPurgeFailure
from tenantry.kernel.transaction import Database, Transaction
from tenantry.users.purging import Outcome, Outside, PurgeOrder


class ComputePurge:
    """Implements ``PurgeStep``: services are handed over if asked, all else is ended and removed.

    To stand before the step of the vfolders, so that nothing is mounted any more.
    """

    name = "compute_sessions"

    def __init__(
        self,
        *,
        database: Database,
        compute_repository: ComputeRepository,
        compute_service: ComputeService,
    ) -> None:
        self._database = database
        self._sessions = compute_repository
        self._service = compute_service

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """What goes to whom; UserPurgeFailure where there are services to hand over to nobody."""
        services: list[UUID] = []
        if order.delegate_endpoint_ownership:
            services = await self._sessions.live_services(tx, order.user_id)
            if services and order.receiver_id is None:
                raise UserPurgeFailure(
                    "The user has live services, and nobody is named who takes them over.",
                    field="delegate_endpoint_ownership",
                )
        count = await self._sessions.count(tx, order.user_id)
        return _outcome(services, count - len(services))

    async def perform(self, order: PurgeOrder) -> Outcome:
        """Hand over, then end the rest; ConnectionError while an agent cannot be reached."""
        services: list[UUID] = []
        if order.delegate_endpoint_ownership and order.receiver_id is not None:
            receiver = order.receiver_id
            async with self._database.transaction() as tx:
                await self._service.delegate_services(tx, order.user_id, receiver)
                services = await self._sessions.delegated(tx, order.user_id, receiver)
        await self._service.terminate_all(order.user_id)
        async with self._database.autocommit() as tx:
            return _outcome(services, await self._sessions.count(tx, order.user_id))

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """The sessions that were ended, on agents alive."""
        return Outside(sessions=await self._sessions.ended_on(tx, user_id))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the records."""
        await self._service.forget(tx, user_id)


def _outcome(handed_over: list[UUID], removed: int) -> Outcome:
    return {"handed_over": [str(session_id) for session_id in handed_over], "removed": removed}
