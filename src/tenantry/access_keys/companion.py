"""The main access key comes with its user, and follows what becomes of the user."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tenantry.access_keys.keyring import Keyring
from tenantry.access_keys.model import (
    ADMIN_ROLES,
    is_access_key,
)
from tenantry.access_keys.repository import AccessKeyRepository
from tenantry.errors import (
    AccessKeyNotFound,
    PermissionError,
    UserModificationBadRequest,
    Violation,
)
from tenantry.kernel.action import Note
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserCreator, UserData, UserModifier

FIELD = "main_access_key"


class AccessKeyCompanion:
    """The access keys' part in creating, changing and removing a user."""

    def __init__(
        self, *, access_key_repository: AccessKeyRepository, keyring: Keyring, clock: Clock
    ) -> None:
        self._keys = access_key_repository
        self._keyring = keyring
        self._clock = clock

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> dict[int, Violation]:
        """None: every user gets a key."""
        return {}

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Make the main keys. Nobody sees a secret yet; its user asks for it once.

        The key of a user who is not active waits, and becomes active with the user.
        """
        await self._keyring.add_main(tx, [user for user, _ in newcomers], self._clock.now())

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Follow role and status, and move the mark of the main key if that was said."""
        now = self._clock.now()
        was_admin, is_admin = before.role in ADMIN_ROLES, after.role in ADMIN_ROLES
        if is_admin and not was_admin:
            await self._keys.make_main_admin(tx, after.id, now)
        elif was_admin and not is_admin:
            await self._keys.strip_admin(tx, after.id, now)
        if after.is_active and not before.is_active:
            await self._keys.wake(tx, after.id, now)
        said = modifier.changes()
        if FIELD in said:
            await self._switch(tx, after, said[FIELD], now)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove all keys of a user."""
        await self._keys.forget(tx, user_id)

    async def _switch(
        self, tx: Transaction, user: UserData, access_key: str | None, now: datetime
    ) -> None:
        if access_key is None:
            message = "cannot be empty: one key stays the main one; name another"
            raise UserModificationBadRequest.of(FIELD, "missing", message)
        if not is_access_key(access_key):
            message = "is no access key, such as AKIA and 16 letters or digits"
            raise UserModificationBadRequest.of(FIELD, "wrong_value", message)
        # Who changes a user's main key sees the user's tenant; keys of others do not exist.
        seen = Scope(tenant_id=user.tenant_id)
        try:
            key = await self._keys.get(tx, access_key, seen)
        except AccessKeyNotFound as error:
            raise AccessKeyNotFound(field=FIELD) from error
        if key.user_id != user.id:
            raise PermissionError("This access key belongs to somebody else.", field=FIELD)
        if not key.is_main:
            previous = await self._keyring.switch_main(tx, key, now)
            changes = {FIELD: (previous, access_key)}
            tx.note(Note(user.username, user.id, user.tenant_id, changes))
