"""What the users need of other slices, so that those may depend on users and not the reverse."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserCreator, UserData, UserModifier


class Companions(Protocol):
    """What belongs to a user and lives in another slice: groups, access keys, roles.

    All three run inside the transaction of the user's own change: what they raise undoes it.
    """

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Users have just been added, a thousand at most; make what belongs to them."""

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """A user has just been changed; change what belongs to it."""

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """A user is about to be removed; remove the rows that belong to it."""
