"""Admission of login attempts."""

import asyncio
import random

from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.model import Admission, LockoutPolicy
from tenantry.lockout.repository import AttemptRepository


class LockoutService:
    """Counts each attempt before it is evaluated, so that parallel guesses cannot outrun it.

    Where all places are taken by attempts under way, as when a person logs in from many
    devices at once, an attempt waits for a place; every success gives one back.
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

    async def admit(self, subject: str) -> Admission:
        """Reserve an attempt, waiting shortly where that can help. Must be settled if granted."""
        deadline = self._clock.now() + self._policy.patience
        while True:
            now = self._clock.now()
            async with self._database.autocommit() as tx:
                if await self._attempts.reserve(tx, subject, self._policy, now):
                    return Admission.GRANTED
                if now >= deadline or not await self._attempts.may_wait(
                    tx, subject, self._policy, now
                ):
                    return Admission.REFUSED
            await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - only spreads the tries

    async def settle(self, tx: Transaction, subject: str, *, succeeded: bool) -> None:
        """Say how a granted attempt ended; it is so once the transaction has committed."""
        now = self._clock.now()
        if succeeded:
            self._attempts.succeed(tx, subject, now)
        else:
            self._attempts.fail(tx, subject, now)

    async def withdraw(self, subject: str) -> None:
        """Give a granted attempt back that could not be evaluated."""
        async with self._database.autocommit() as tx:
            await self._attempts.withdraw(tx, subject)
