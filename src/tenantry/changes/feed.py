"""Follows the log of changes, and knows how far it has come and how long ago that was confirmed.

What is kept in memory may be asked only while this is certain: an answer is as old as the last
reading of the log that found nothing new, and that is never longer ago than the bound.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change
from tenantry.changes.ports import Keeper
from tenantry.changes.version import note_version
from tenantry.errors import ConnectionError, InvalidInput, TenantryError
from tenantry.kernel.transaction import Database, Transaction

_THE_END = 2**62
"""After this number there is no change: only the head is read."""

logger = logging.getLogger(__name__)


class ChangeFeed:
    """The place of this process in the log. Used by one event loop; ``is_current`` by any thread.

    ``bound`` is in seconds: so old may an answer from memory be, and no older.
    """

    def __init__(
        self, *, database: Database, bound: float, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._elapsed = elapsed
        self._keepers: list[Keeper] = []
        self._confirmed_at: float | None = None
        self._good_until = float("-inf")
        self.bound = bound
        self.applied = -1
        """The last change that all answers from memory know of."""
        self.head = 0
        """The last change that this process has heard of."""

    def add(self, keeper: Keeper) -> None:
        """Have one more keeper told of changes."""
        self._keepers.append(keeper)

    def is_current(self) -> bool:
        """Whether what is in memory may be asked: no older than the bound."""
        return self._elapsed() < self._good_until

    @property
    def seconds_since_confirmed(self) -> float:
        """How old an answer from memory could be now; infinite before the log was ever read."""
        if self._confirmed_at is None:
            return float("inf")
        return self._elapsed() - self._confirmed_at

    async def follow(self, version: int, changes: Sequence[Change]) -> None:
        """Renew what this process itself has changed, before anybody hears that it has."""
        note_version(version)
        self.head = max(self.head, version)
        for keeper in self._keepers:
            concerned = keeper.concerned(changes)
            if not concerned:
                continue
            try:
                async with self._database.autocommit() as tx:
                    await keeper.renew(tx, concerned)
            except TenantryError as error:
                # The change is made, whatever happens here; the database is asked instead.
                keeper.drop(concerned)
                logger.warning("what has changed could not be read again: %s", error)

    async def catch_up(self, tx: Transaction) -> None:
        """Read the log from where this process is, and renew what it says has changed."""
        began = self._elapsed()
        reading = await ChangeLog.read(tx, self.applied if self.applied >= 0 else _THE_END)
        self.head = reading.head
        if self.applied < 0 or not reading.is_complete:
            if self.applied >= 0:
                logger.warning("changes after %d are not in the log any more", reading.after)
            for keeper in self._keepers:
                keeper.let_go()
            self.applied = reading.head
        elif reading.changes:
            await self._renew(tx, reading.all())
        self.applied = max(self.applied, reading.head)
        self._confirmed_at = max(began, self._confirmed_at or began)
        self._good_until = self._confirmed_at + self.bound

    async def _renew(self, tx: Transaction, changes: Sequence[Change]) -> None:
        for keeper in self._keepers:
            concerned = keeper.concerned(changes)
            if concerned:
                await keeper.renew(tx, concerned)

    def lose(self) -> None:
        """Nobody listens at the moment: memory may not be asked until the log was read again."""
        self._good_until = float("-inf")

    async def reach(self, version: int, seconds: float) -> None:
        """Come at least as far as this version; ConnectionError when that takes longer.

        InvalidInput for a version that does not exist (yet).
        """
        if self.applied >= version:
            return
        try:
            async with asyncio.timeout(seconds), self._database.autocommit() as tx:
                await self.catch_up(tx)
        except TimeoutError as error:
            raise ConnectionError("The database took too long; try again shortly.") from error
        if self.applied < version:
            raise InvalidInput.of("at_least", "unknown", "there is no such version")
