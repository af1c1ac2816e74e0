"""Admission of login attempts."""

import asyncio
import logging
import random
from datetime import datetime
from uuid import UUID

from tenantry.errors import TenantryError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.repository import AttemptRepository
from tenantry.lockout.throttle import Admission, Claim, LockoutPolicy

SWEEP_SECONDS = 600.0
logger = logging.getLogger(__name__)


class LockoutService:
    """Counts each attempt before it is evaluated, so that parallel guesses cannot outrun it.

    Where all places are taken by attempts under way, as when a person logs in from many
    devices at once, an attempt waits for a place; every success gives one back. After some
    failures each attempt waits a little longer than the one before.
    """

    def __init__(
        self,
        *,
        database: Database,
        attempt_repository: AttemptRepository,
        policy: LockoutPolicy,
        clock: Clock,
    ) -> None:
        self._database = database
        self._attempts = attempt_repository
        self._policy = policy
        self._clock = clock

    def claim(self, user_id: UUID | None, login_name: str, address: str | None) -> Claim:
        """What an attempt at this user, or at a name that nobody has, is counted under."""
        return Claim.of(user_id, login_name, address, self._clock.now(), self._policy)

    async def admit(self, claim: Claim) -> Admission:
        """Reserve an attempt, waiting shortly where that can help. Must be settled if granted."""
        deadline = self._clock.now() + self._policy.patience
        while True:
            now = self._clock.now()
            async with self._database.autocommit() as tx:
                taken = await self._attempts.reserve(tx, claim, self._policy, now)
                if taken == len(claim.subjects):
                    return Admission.GRANTED
                if taken:
                    await self._attempts.withdraw(tx, claim.subjects[:taken])
                standings = await self._attempts.standings(tx, claim.subjects)
            pause = self._policy.pause(claim, standings, now)
            if pause is None or now + pause > deadline:
                return Admission.REFUSED
            spread = random.uniform(0, 0.04)  # noqa: S311 - only spreads the tries
            await asyncio.sleep(pause.total_seconds() + spread)

    async def settle(self, tx: Transaction, claim: Claim, *, succeeded: bool) -> None:
        """Say how a granted attempt ended; it is so once the transaction has committed."""
        now = self._clock.now()
        if succeeded:
            self._attempts.succeed(tx, claim, self._policy, now)
        else:
            self._attempts.fail(tx, claim, now)

    async def withdraw(self, claim: Claim) -> None:
        """Give a granted attempt back that could not be evaluated."""
        async with self._database.autocommit() as tx:
            await self._attempts.withdraw(tx, claim.subjects)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Forget the failures of a user."""
        await self._attempts.forget(tx, user_id)

    async def throttled_until(
        self, tx: Transaction, user_id: UUID, now: datetime
    ) -> datetime | None:
        """Until when a user's logins from unknown networks are refused; None: they are not."""
        account = f"user:{user_id}"
        standing = (await self._attempts.standings(tx, [account])).get(account)
        limit = self._policy.max_account_failures
        if standing is None or standing.failures_at(now, self._policy) < limit:
            return None
        return standing.changed_at + self._policy.duration

    async def sweep(self) -> None:
        """Remove the counts that have run out, so that the table stays small under any flood."""
        now = self._clock.now()
        more = True
        while more:
            async with self._database.autocommit() as tx:
                more = await self._attempts.sweep(tx, now - self._policy.duration, now)

    async def run_forever(self) -> None:
        """Sweep now and then; any number of servers may do it at once."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except TenantryError:
                logger.exception("old login attempts could not be removed")
