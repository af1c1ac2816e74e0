"""What can be asked about locks."""

from typing import Annotated, ClassVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.lockout.model import MAX_MINUTES, LockStatus
from tenantry.users.actions import OnUser
from tenantry.users.model import Limit

Reason = Annotated[
    str, msgspec.Meta(min_length=1, max_length=1024, description="Why, for who asks later.")
]
Minutes = Annotated[
    float, msgspec.Meta(gt=0, le=MAX_MINUTES, description="How long; without it until unlocked.")
]


class LockAccountAction(OnUser[LockStatus], frozen=True, kw_only=True):
    """Shut a user out until the lock expires or somebody unlocks; open sessions end.

    Locking again keeps the later expiry, and the reason given last.
    """

    tag: ClassVar[str] = "user.lock"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    reason: Reason
    duration_minutes: Minutes | None = None


class UnlockAccountAction(OnUser[LockStatus], frozen=True):
    """Lift a user's lock and forget failed logins; can be repeated."""

    tag: ClassVar[str] = "user.unlock"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class GetLockStatusAction(OnUser[LockStatus], frozen=True):
    """Show whether a user is locked, why, since when and until when."""

    tag: ClassVar[str] = "user.get_lock"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class ListLockedAccountsAction(Action[Page[LockStatus]], frozen=True, kw_only=True):
    """List the users who are locked now, the latest lock first."""

    tag: ClassVar[str] = "user.list_locked"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None
