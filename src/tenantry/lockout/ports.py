"""What locks need of the users."""

from typing import Protocol

from tenantry.kernel.transaction import Transaction
from tenantry.users.access import Scope
from tenantry.users.administrators import Administrators
from tenantry.users.model import UserData, UserKey


class Users(Administrators, Protocol):
    """Finds users; the users' repository is one."""

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound where there is none in sight."""

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """Like ``get``, and nobody else changes it until the transaction ends."""
