"""How the actions on locks are reached."""

from tenantry.kernel.route import Route
from tenantry.lockout.actions import (
    GetLockStatusAction,
    ListLockedAccountsAction,
    LockAccountAction,
    UnlockAccountAction,
)

_BY_NAME = {"email": None}

ROUTES = (
    Route("POST", "/users/{user}/lock", LockAccountAction, "user lock", preset=_BY_NAME),
    Route("POST", "/users/{user}/unlock", UnlockAccountAction, "user unlock", preset=_BY_NAME),
    Route("GET", "/users/{user}/lock", GetLockStatusAction, "user lock-status", preset=_BY_NAME),
    Route("GET", "/locks", ListLockedAccountsAction, "user locked"),
)
