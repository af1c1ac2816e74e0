"""Who wants to know of changes."""

from collections.abc import Sequence
from typing import Protocol

from tenantry.changes.model import Change
from tenantry.kernel.transaction import Transaction


class Follower(Protocol):
    """Is told of changes of this process, before their action returns its result."""

    async def follow(self, version: int, changes: Sequence[Change]) -> None:
        """These have been committed under this number. Raises nothing: what is done is done."""


class Keeper(Protocol):
    """Keeps in memory what decides on access."""

    def concerned(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Those of the changes that are about something kept here."""

    def drop(self, changes: Sequence[Change]) -> None:
        """Let go of what has changed, and of what is being read that may be from before it."""

    async def renew(self, tx: Transaction, changes: Sequence[Change]) -> None:
        """Read what has changed. When it fails, that is dropped: no answer is older in any case."""

    def let_go(self) -> None:
        """Anything may have changed: keep nothing."""
