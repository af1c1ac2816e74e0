"""Grants that go with a user: dropped where a wall forbids them, and when the user is removed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tenantry.errors import Violation
from tenantry.grants.model import PrincipalType
from tenantry.grants.principals import Principal
from tenantry.grants.repository import GrantRepository
from tenantry.grants.service import note_of
from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserCreator, UserData, UserModifier


class GrantCompanion:
    """The grants' part in moving and removing a user."""

    def __init__(self, *, grant_repository: GrantRepository) -> None:
        self._grants = grant_repository

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> Mapping[int, Violation]:
        """Nobody is made with grants."""
        return {}

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Nobody is made with grants."""

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Who moves to another tenant leaves behind what a closed wall then forbids."""
        if before.tenant_id == after.tenant_id:
            return
        removed = await self._grants.take_forbidden(tx, after.id, after.tenant_id)
        if removed:
            user = Principal(PrincipalType.USER, after.id, after.username, after.tenant_id, after)
            tx.note(note_of(user, removed, []))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove all grants of a user."""
        await self._grants.forget(tx, user_id)
