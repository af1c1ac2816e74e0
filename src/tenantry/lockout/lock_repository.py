"""The SQL of locks, which are columns of their users."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.lockout.model import Lock, LockStatus
from tenantry.users.access import Scope

_READ = """
    select u.id, u.username, u.locked_at, u.lock_reason, u.lock_expires_at, u.locked_by,
        b.username as locked_by_name
    from users u left join users b on b.id = u.locked_by
"""
FIND = Statement("locks.find", "The lock of a user, if any.", f"{_READ} where u.id = $1")
PAGE = Statement(
    "locks.page",
    "Users whose lock holds, the latest first.",
    f"""
    {_READ} where u.locked_at is not null and (u.lock_expires_at is null or u.lock_expires_at > $1)
        and u.status = 'active' and ($2::uuid is null or u.tenant_id = $2)
        and ($3::timestamptz is null or (u.locked_at, u.id) < ($3, $4))
    order by u.locked_at desc, u.id desc limit $5
    """,
)
COUNT = Statement(
    "locks.count",
    "How many users have a lock that holds.",
    """
    select count(*) from users
    where locked_at is not null and (lock_expires_at is null or lock_expires_at > $1)
        and status = 'active'
    """,
)
PUT = Statement(
    "locks.put",
    "Lock a user, and end all sessions.",
    """
    update users set locked_at = $2, lock_reason = $3, lock_expires_at = $4, locked_by = $5,
        modified_at = $6, version = version + 1, epoch = epoch + 1
    where id = $1
    """,
)
LIFT = Statement(
    "locks.lift",
    "Take the lock of a user away.",
    """
    update users set locked_at = null, lock_reason = null, lock_expires_at = null,
        locked_by = null, modified_at = $2, version = version + 1
    where id = $1 and locked_at is not null
    """,
)


class LockRepository:
    """Locks of accounts."""

    async def find(self, tx: Transaction, user_id: UUID) -> Lock | None:
        """The lock, whether it holds or has expired."""
        row = await tx.fetchrow(FIND, user_id)
        return _lock(row) if row and row["locked_at"] else None

    async def status(self, tx: Transaction, user_id: UUID, now: datetime) -> LockStatus | None:
        """What is told of a user's lock; None where the user is gone."""
        row = await tx.fetchrow(FIND, user_id)
        return _status(row, now) if row else None

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        now: datetime,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[tuple[LockStatus, UUID]]:
        """Locks that hold now, set before the one given, each with its user's id."""
        at, user_id = after or (None, None)
        rows = await tx.fetch(PAGE, now, scope.tenant_id, at, user_id, limit)
        return [(_status(row, now), row["id"]) for row in rows]

    async def count(self, tx: Transaction, now: datetime) -> int:
        """How many locks hold now."""
        counted: int = await tx.fetchval(COUNT, now)
        return counted

    async def put(self, tx: Transaction, user_id: UUID, lock: Lock, now: datetime) -> None:
        """Lock a user, and end all sessions."""
        await tx.execute(
            PUT, user_id, lock.locked_at, lock.reason, lock.expires_at, lock.locked_by, now
        )
        await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))

    async def lift(self, tx: Transaction, user_id: UUID, now: datetime) -> bool:
        """Unlock a user; False where there was no lock."""
        lifted = await tx.execute(LIFT, user_id, now) > 0
        if lifted:
            await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))
        return lifted


def _lock(row: Row) -> Lock:
    return Lock(row["locked_at"], row["lock_reason"], row["lock_expires_at"], row["locked_by"])


def _status(row: Row, now: datetime) -> LockStatus:
    lock = _lock(row) if row["locked_at"] else None
    details: dict[str, Any] = {}  # Any: columns have types of their own
    if lock is not None and lock.holds_at(now):
        details = {
            "reason": lock.reason,
            "locked_at": lock.locked_at,
            "expires_at": lock.expires_at,
            "locked_by": _name_of(lock, row["locked_by_name"]),
        }
    return LockStatus(username=row["username"], is_locked=bool(details), **details)


def _name_of(lock: Lock, username: str | None) -> str:
    if lock.locked_by is None:
        return "system"
    return username or f"purged-{lock.locked_by}"
