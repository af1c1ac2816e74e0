"""What the tenants need of others, beside asking for it."""

from typing import Protocol
from uuid import UUID

from tenantry.kernel.page import Page
from tenantry.kernel.transaction import Transaction
from tenantry.users.actions import ModifyUserAction, SearchUsersAction
from tenantry.users.model import UserCreator, UserData, UserKey
from tenantry.users.rules import Columns


class Users(Protocol):
    """Makes, moves and finds users; the users' service does."""

    async def add(self, tx: Transaction, creator: UserCreator) -> UserData:
        """Add a user without a password as part of the transaction."""

    async def modify_in(
        self, tx: Transaction, key: UserKey, action: ModifyUserAction, columns: Columns
    ) -> UserData:
        """Change a user as part of the transaction."""

    async def search_users(self, action: SearchUsersAction) -> Page[UserData]:
        """A page of the users that fit."""


class Purges(Protocol):
    """Purges users for the house, without asking who wants it."""

    async def finish(self, user_id: UUID) -> None:
        """Purge the user, or go on with it; UserPurgeFailure while it cannot be done."""


class Workloads(Protocol):
    """Ends what users run."""

    async def terminate_all(self, user_id: UUID) -> int:
        """End every live compute session of a user; ConnectionError while an agent is away."""
