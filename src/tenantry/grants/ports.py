"""What grants need of users and roles."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from tenantry.changes.consistency import Consistency
from tenantry.grants.model import Asked, ServerEnforcement
from tenantry.kernel.transaction import Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.roles.repository import Place, RoleKey
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey


class Users(Protocol):
    """Finds users and tenants; the users' repository is one."""

    async def find(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData | None:
        """The user, or None."""

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound."""

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user, whom nobody else changes until the transaction ends; UserNotFound."""

    async def find_tenant(self, tx: Transaction, name: str, scope: Scope) -> UUID | None:
        """The id of the tenant of this name; None where there is none in sight."""


class Roles(Protocol):
    """Finds roles; the roles' repository is one."""

    async def resolve(
        self, tx: Transaction, named: Sequence[str], place: Place, scope: Scope
    ) -> Mapping[str, RoleKey]:
        """Roles by what they were called, which stay until the transaction ends."""


class Effects(Protocol):
    """Knows how far the servers of databases are."""

    async def of(
        self,
        tx: Transaction,
        user_id: UUID,
        privilege: Privilege,
        on: DatabaseObject,
        scope: Scope,
        *,
        allowed: bool,
    ) -> ServerEnforcement | None:
        """What the server makes of an answer that was given just before, as far as may be told."""


class Answers(Protocol):
    """Answers checks, from memory where that is fresh."""

    async def answer(
        self,
        asked: Sequence[Asked],
        scope: Scope = ...,
        *,
        at_least: int | None = None,
        consistency: Consistency = Consistency.BOUNDED,
    ) -> list[bool]:
        """The answers in order; no for whoever is not in this scope.

        They know of the version ``at_least``; InvalidInput where there is none such.
        """
