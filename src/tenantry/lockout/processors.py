"""The processors of locks."""

from tenantry.kernel.processor import Runner
from tenantry.lockout.actions import (
    GetLockStatusAction,
    ListLockedAccountsAction,
    LockAccountAction,
    UnlockAccountAction,
)
from tenantry.lockout.locks import LockService


class LockProcessors:
    """Runs the actions on locks."""

    def __init__(self, *, lock_service: LockService, run: Runner) -> None:
        self.lock_account = run(LockAccountAction, lock_service.lock_account)
        self.unlock_account = run(UnlockAccountAction, lock_service.unlock_account)
        self.get_lock_status = run(GetLockStatusAction, lock_service.get_lock_status)
        self.list_locked = run(ListLockedAccountsAction, lock_service.list_locked)
