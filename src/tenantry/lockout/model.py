"""Locks, as they are told and as they are stored."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.record import Record
from tenantry.users.principal import lock_holds

MAX_MINUTES = 10 * 366 * 24 * 60
"""Ten years; what is meant to hold longer has no expiry."""


class LockStatus(Record, frozen=True, kw_only=True):
    """Whether an account is locked now; the details are None where it is not.

    ``throttled_until`` has nothing to do with a lock: until then logins from addresses that the
    user has not logged in from are refused, after too many failures.
    """

    username: str
    is_locked: bool
    reason: str | None = None
    locked_at: datetime | None = None
    expires_at: datetime | None = None
    locked_by: str | None = None
    throttled_until: datetime | None = None
    success: bool = True


@dataclass(frozen=True)
class Lock:
    """A lock, which may have expired. ``locked_by`` is None for the system itself."""

    locked_at: datetime
    reason: str
    expires_at: datetime | None
    locked_by: UUID | None

    def holds_at(self, now: datetime) -> bool:
        """Whether it shuts the user out."""
        return lock_holds(self.locked_at, self.expires_at, now)

    def over(self, earlier: "Lock | None") -> "Lock":
        """This lock put on one that may hold still: since the first, until the later expiry."""
        if earlier is None or not earlier.holds_at(self.locked_at):
            return self
        ends = (self.expires_at, earlier.expires_at)
        latest = None if None in ends else max(end for end in ends if end is not None)
        return Lock(earlier.locked_at, self.reason, latest, self.locked_by)
