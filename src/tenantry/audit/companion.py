"""The audit's part in removing a user: what it knows of the person can never be read again."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.audit.repository import AuditRepository
from tenantry.errors import Violation
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserCreator, UserData, UserModifier


class AuditCompanion:
    """Destroys a purged user's keys; the entries stay, under a pseudonym."""

    def __init__(self, *, audit_repository: AuditRepository, clock: Clock) -> None:
        self._repository = audit_repository
        self._clock = clock

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> dict[int, Violation]:
        """None: the audit takes everybody."""
        return {}

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """A new user has nothing here yet; the first entry brings its key."""

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """What was recorded stays as it was."""

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Destroy the person's keys in the transaction that removes the user."""
        await self._repository.erase(tx, user_id, self._clock.now())
