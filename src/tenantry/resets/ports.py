"""What resets need of the users and of encryption."""

from typing import Any, Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey
from tenantry.users.principal import Principal


class Users(Protocol):
    """Finds users and sets passwords; the users' repository is one."""

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound where there is none in sight."""

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """Like ``get``, and nobody else changes it until the transaction ends."""

    async def find_principal_by_login(self, tx: Transaction, name: str) -> Principal | None:
        """Who logs in under this username or email address."""

    async def find_principal(self, tx: Transaction, user_id: UUID) -> Principal | None:
        """The present state of a user."""

    async def update(
        self,
        tx: Transaction,
        user_id: UUID,
        columns: dict[str, Any],  # Any: columns have types of their own
        *,
        end_sessions: bool,
    ) -> None:
        """Change columns, and end all sessions if so."""


class Cipher(Protocol):
    """Encrypts tokens for the time that they wait to be mailed."""

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """The secret, encrypted for this context."""

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret; ConfigurationError when no key opens it, or not in this context."""
