"""What roles need of the users."""

from typing import Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey


class Users(Protocol):
    """Finds users and tenants; the users' repository is one."""

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound where there is none in sight."""

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """Like ``get``, and nobody else changes it until the transaction ends."""

    async def find_tenant(self, tx: Transaction, name: str, scope: Scope) -> UUID | None:
        """The id of the tenant of this name; None where there is none in sight."""
