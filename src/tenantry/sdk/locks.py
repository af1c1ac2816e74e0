"""The account manager's operations on locks, in asynchronous form."""

from tenantry.lockout.actions import (
    GetLockStatusAction,
    ListLockedAccountsAction,
    LockAccountAction,
    UnlockAccountAction,
)
from tenantry.lockout.model import LockStatus
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages


class LockOperations(Operations):
    """What an account manager can do about locks."""

    async def lock_account(
        self, username: str, reason: str, duration_minutes: float | None = None
    ) -> LockStatus:
        """Shut a user out for some minutes, or until unlocked; open sessions end at once.

        Locking again keeps the later expiry. Oneself and the last administrator cannot be locked.
        """
        return await self._run(
            self._action(
                LockAccountAction, user=username, reason=reason, duration_minutes=duration_minutes
            )
        )

    async def unlock_account(self, username: str) -> LockStatus:
        """Lift a lock and forget failed logins; may be repeated."""
        return await self._run(UnlockAccountAction(user=username))

    async def get_account_lock_status(self, username: str) -> LockStatus:
        """Whether a user is locked now, why, since when, until when and by whom."""
        return await self._run(GetLockStatusAction(user=username))

    async def list_locked_accounts(self) -> AsyncPages[LockStatus]:
        """The users who are locked now, the latest lock first."""
        return await self._walk(
            lambda cursor: ListLockedAccountsAction(limit=PAGE_SIZE, cursor=cursor)
        )
