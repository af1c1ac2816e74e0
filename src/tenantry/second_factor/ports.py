"""What the second factor needs of the users and of encryption."""

from typing import Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey
from tenantry.users.principal import Principal


class Users(Protocol):
    """Finds users; the users' repository is one."""

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound where there is none in sight."""

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """Like ``get``, and nobody else changes it until the transaction ends."""

    async def find_principal(self, tx: Transaction, user_id: UUID) -> Principal | None:
        """The present state of a user."""


class Cipher(Protocol):
    """Encrypts secrets for the time that they lie in the database."""

    @property
    def current_id(self) -> bytes:
        """What begins every secret that is sealed now."""

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """The secret, encrypted for this context."""

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret; ConfigurationError when no key opens it, or not in this context."""
