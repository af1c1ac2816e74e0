"""What authentication needs of the users."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserData
from tenantry.users.principal import Principal


class SecondFactor(Protocol):
    """Codes beside the password; the second factor's service is one."""

    def is_required(self, user: UserData) -> bool:
        """Whether a login of this user needs a code."""

    def require_code(self, code: str, field: str) -> None:
        """InvalidInput unless the text has the form of a code; says nothing of whose."""

    async def verify(self, tx: Transaction, user_id: UUID, code: str) -> bool:
        """Whether a code fits, to be used up with the transaction; the attempt is counted."""


class Principals(Protocol):
    """The state of users that decides on logins; the users' repository is one."""

    async def find_principal_by_login(self, tx: Transaction, name: str) -> Principal | None:
        """Who logs in under this username or email address."""

    async def find_principal(self, tx: Transaction, user_id: UUID) -> Principal | None:
        """The present state of a user."""

    def note_login(
        self, tx: Transaction, principal: Principal, now: datetime, better_hash: str | None
    ) -> None:
        """Remember a login, and a hash at today's cost unless the password changed meanwhile."""

    async def update(
        self,
        tx: Transaction,
        user_id: UUID,
        columns: dict[str, Any],  # Any: columns have types of their own
        *,
        end_sessions: bool,
    ) -> None:
        """Change columns, and end all sessions if so."""
