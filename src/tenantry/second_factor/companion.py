"""The second factor's part in changing and removing a user."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.errors import PermissionError, Violation
from tenantry.kernel.action import current_actor
from tenantry.kernel.transaction import Transaction
from tenantry.second_factor.repository import SecondFactorRepository
from tenantry.users.model import UserCreator, UserData, UserModifier


class SecondFactorCompanion:
    """Keeps the stored factor in step with the user's flag.

    The flag cannot be switched on with other fields: only a first code does that. Switched off
    by an administrator, the factor itself goes, and sessions end.
    """

    def __init__(self, *, second_factor_repository: SecondFactorRepository) -> None:
        self._factors = second_factor_repository

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> dict[int, Violation]:
        """None: new users have no second factor."""
        return {}

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """New users have no second factor."""

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Remove a factor that was switched off."""
        if not before.totp_activated or after.totp_activated:
            return
        if current_actor().id == after.id:
            message = "Remove your own second factor with password and code as proof."
            raise PermissionError(message, field="totp_activated")
        await self._factors.remove(tx, after.id)
        await self._factors.end_sessions(tx, after.id)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the factor and its recovery codes."""
        await self._factors.remove(tx, user_id)
