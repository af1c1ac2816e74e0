"""Admission of login attempts."""

import asyncio
import logging
import random
from collections import Counter
from datetime import datetime
from uuid import UUID

from tenantry.errors import TenantryError
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.repository import AttemptRepository
from tenantry.lockout.throttle import Admission, Claim, LockoutPolicy

SWEEP_SECONDS = 600.0
MOST_WAITING, MOST_WAITING_IN_ALL = 100, 500
"""Attempts that wait in one process, of one account from one network and together; a flood of them
must not become a flood of questions to the database."""
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
        self._waiting: Counter[str] = Counter()

    def claim(
        self,
        user_id: UUID | None,
        login_name: str,
        address: str | None,
        *,
        max_failures: int | None = None,
        minutes: int | None = None,
    ) -> Claim:
        """What an attempt at this user, or at a name that nobody has, is counted under.

        ``max_failures`` and ``minutes`` are what the user's tenant has set.
        """
        own = self._policy.of_tenant(max_failures, minutes)
        return Claim.of(user_id, login_name, address, self._clock.now(), self._policy, own)

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
            pause = claim.policy.pause(claim, standings, now)
            if pause is None or now + pause > deadline or not self._has_room(claim.pair):
                return Admission.REFUSED
            await self._wait(claim.pair, pause.total_seconds())

    @property
    def delayed(self) -> int:
        """How many attempts wait for their turn at present."""
        return self._waiting.total()

    def _has_room(self, pair: str) -> bool:
        return self._waiting[pair] < MOST_WAITING and self.delayed < MOST_WAITING_IN_ALL

    async def _wait(self, pair: str, seconds: float) -> None:
        """Sleep, the longer the more there are who will ask again after it."""
        self._waiting[pair] += 1
        try:
            spread = 0.04 + 0.002 * self.delayed
            await asyncio.sleep(seconds + random.uniform(0, spread))  # noqa: S311 - no secret
        finally:
            self._waiting[pair] -= 1
            if not self._waiting[pair]:
                del self._waiting[pair]

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
        return await self._attempts.throttled_until(tx, user_id, self._policy, now)

    async def figures(self) -> dict[str, float]:
        """How many subjects of attempts are refused now, for a gauge."""
        async with self._database.autocommit() as tx:
            full = await self._attempts.count_full(tx, self._policy, self._clock.now())
        return {"throttled_subjects": full}

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
