"""The part of a user's purge that is about accounts on managed servers."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from tenantry.databases.effect import BEHIND, ServerEffects
from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.wanted import wanted_state
from tenantry.grants.model import EnforcementState, ServerEnforcement
from tenantry.kernel.action import SYSTEM, acting_as
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.users.purging import Outcome, Outside, PurgeOrder

PATIENCE = 10.0
"""A server that has not followed after so many seconds is named as pending. It does when it can."""
PAUSE = 0.05


class DatabasePurge:
    """Implements ``PurgeStep``: servers shut the account, and end whatever it has open.

    The mark of the purge has them do so, as every change has. Here that is waited for, so that the
    receipt can say when it was; a server out of reach holds no purge up.
    """

    name = "managed_databases"

    def __init__(
        self,
        *,
        database: Database,
        enforcement_repository: EnforcementRepository,
        effects: ServerEffects,
        clock: Clock,
    ) -> None:
        self._database = database
        self._enforcement = enforcement_repository
        self._effects = effects
        self._clock = clock

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """Where the user has an account; nothing stands in the way."""
        return {"shut": [], "pending": await self._accounts(tx, order.user_id)}

    async def perform(self, order: PurgeOrder) -> Outcome:
        """Wait until the servers have followed, but not for those that cannot."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        with acting_as(SYSTEM):
            async with self._database.autocommit() as tx:
                accounts = await self._accounts(tx, order.user_id)
            while True:
                found = await self._looked_at(order.user_id, accounts)
                waiting = any(one.state is EnforcementState.PENDING for one in found.values())
                if not waiting or loop.time() >= until:
                    return _outcome(found)
                await asyncio.sleep(PAUSE)

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """Nothing that storage or an agent has."""
        return Outside()

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """The rows go with the user's own."""

    async def _accounts(self, tx: Transaction, user_id: UUID) -> list[str]:
        """The databases in whose servers the user has an account, locked by now or not."""
        found = []
        for name, database_id in (await self._enforcement.enforced(tx)).items():
            holdings = await self._enforcement.holdings_of(tx, database_id, name, user_id)
            wanted = wanted_state(holdings, self._clock.now())
            if any(principal.id == user_id for principal in wanted.principals):
                found.append(name)
        return found

    async def _looked_at(self, user_id: UUID, names: Sequence[str]) -> dict[str, ServerEnforcement]:
        async with self._database.autocommit() as tx:
            found = {name: await self._effects.followed(tx, user_id, name) for name in names}
        return {name: one for name, one in found.items() if one is not None}


def _outcome(found: Mapping[str, ServerEnforcement]) -> Outcome:
    """Which servers have shut the account, and when, and where that is still to be done."""
    shut = [
        {
            "database": name,
            "shut_at": one.since,
            "connections_ended": one.connections_ended,
            "ended_at": one.ended_at,
        }
        for name, one in found.items()
        if one.state not in BEHIND
    ]
    pending = [name for name, one in found.items() if one.state in BEHIND]
    return {"shut": msgspec.to_builtins(shut), "pending": pending}
