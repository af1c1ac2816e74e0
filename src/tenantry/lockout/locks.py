"""The order of things when accounts are locked and unlocked."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tenantry.errors import StateConflict, UserNotFound
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.actions import (
    GetLockStatusAction,
    ListLockedAccountsAction,
    LockAccountAction,
    UnlockAccountAction,
)
from tenantry.lockout.lock_repository import LockRepository
from tenantry.lockout.model import Lock, LockStatus
from tenantry.lockout.ports import Users
from tenantry.lockout.service import LockoutService
from tenantry.record import require_well_formed
from tenantry.users import access, administrators
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserStatus


class LockService:
    """Handles the actions on locks. A lock is part of the state that every credential meets."""

    def __init__(
        self,
        *,
        database: Database,
        lock_repository: LockRepository,
        lockout_service: LockoutService,
        users: Users,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._locks = lock_repository
        self._lockout = lockout_service
        self._users = users
        self._clock = clock
        self._cursor_key = cursor_key

    async def lock_account(self, action: LockAccountAction) -> LockStatus:
        """Lock a user; LastAdministrator and PermissionError (for oneself) forbid it."""
        key = action.key()
        actor = current_actor()
        now = self._clock.now()
        minutes = action.duration_minutes
        expires_at = now + timedelta(minutes=minutes) if minutes is not None else None
        wanted = Lock(now, action.reason, expires_at, actor.id)
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, key, Scope.of(actor))
            access.require_may_change(actor, user, {"status": UserStatus.LOCKED.value})
            if user.status in (UserStatus.DELETED, UserStatus.PURGING):
                raise StateConflict("A deleted user cannot log in anyway, and is not locked.")
            await administrators.require_another(self._users, tx, user)
            lock = wanted.over(await self._locks.find(tx, user.id))
            await self._locks.put(tx, user.id, lock, now)
            changes: dict[str, tuple[object, object]] = {
                "status": (user.status, UserStatus.LOCKED),
                "lock_reason": (None, lock.reason),
                "lock_expires_at": (None, lock.expires_at),
            }
            tx.note(_note(user, changes))
            return await self._status(tx, user.id, now)

    async def unlock_account(self, action: UnlockAccountAction) -> LockStatus:
        """Lift the lock, if there is one, and forget failed logins."""
        key = action.key()
        actor = current_actor()
        now = self._clock.now()
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, key, Scope.of(actor))
            access.require_may_change(actor, user, {"status": UserStatus.ACTIVE.value})
            lifted = await self._locks.lift(tx, user.id, now)
            await self._lockout.forget(tx, user.id)
            changes: dict[str, tuple[object, object]] = {}
            if lifted and user.status is UserStatus.LOCKED:
                changes = {"status": (UserStatus.LOCKED, UserStatus.ACTIVE)}
            tx.note(_note(user, changes))
            return await self._status(tx, user.id, now)

    async def get_lock_status(self, action: GetLockStatusAction) -> LockStatus:
        """The lock of a user, as of now."""
        key = action.key()
        async with self._database.autocommit() as tx:
            user = await self._users.get(tx, key, Scope.of(current_actor()))
            return await self._status(tx, user.id, self._clock.now())

    async def list_locked(self, action: ListLockedAccountsAction) -> Page[LockStatus]:
        """A page of the users in sight whose lock holds."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = ["locks", repr(scope)]
        after: tuple[datetime, UUID] | None = None
        if action.cursor is not None:
            at, identifier = unseal(self._cursor_key, question, action.cursor)
            after = datetime.fromisoformat(at), UUID(identifier)
        async with self._database.autocommit() as tx:
            found = await self._locks.page(tx, scope, self._clock.now(), action.limit + 1, after)
        items = [status for status, _ in found[: action.limit]]
        if len(found) <= action.limit:
            return Page(items)
        last, user_id = found[action.limit - 1]
        position = [str(last.locked_at), str(user_id)]
        return Page(items, seal(self._cursor_key, question, position))

    async def figures(self) -> dict[str, float]:
        """How many accounts are locked now, for a gauge."""
        async with self._database.autocommit() as tx:
            return {"locked_accounts": await self._locks.count(tx, self._clock.now())}

    async def _status(self, tx: Transaction, user_id: UUID, now: datetime) -> LockStatus:
        status = await self._locks.status(tx, user_id, now)
        if status is None:
            raise UserNotFound
        throttled_until = await self._lockout.throttled_until(tx, user_id, now)
        return msgspec.structs.replace(status, throttled_until=throttled_until)


def _note(user: UserData, changes: dict[str, tuple[object, object]]) -> Note:
    return Note(target=user.username, target_id=user.id, tenant_id=user.tenant_id, changes=changes)
