"""The one state that every credential path reads before it lets anybody in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tenantry.kernel.action import Actor, ActorKind
from tenantry.users.addresses import allowed
from tenantry.users.model import UserData, UserStatus

PASSWORD_CHANGE_ONLY = frozenset({"user.change_password", "whoami", "logout"})
"""What a user may do who must change the password first."""
SECOND_FACTOR_ONLY = frozenset({"login.second_factor", "logout"})
"""What a user may do who has given the password and not yet the second factor."""

REFRESH_ONLY = frozenset({"session.refresh", "session.terminate", "logout"})
"""What a token that was refreshed already is good for: the same answer again, and the end."""


def lock_holds(locked_at: datetime | None, expires_at: datetime | None, now: datetime) -> bool:
    """Whether a lock shuts its user out now; one without an expiry does so until it is lifted."""
    return locked_at is not None and (expires_at is None or now < expires_at)


def is_too_old(changed_at: datetime | None, max_age_days: int | None, now: datetime) -> bool:
    """Whether a password must be changed because the tenant lets none be that old."""
    limit = too_old_at(changed_at, max_age_days)
    return limit is not None and now >= limit


def too_old_at(changed_at: datetime | None, max_age_days: int | None) -> datetime | None:
    """When that is so, if ever."""
    if changed_at is None or max_age_days is None:
        return None
    return changed_at + timedelta(days=max_age_days)


@dataclass(frozen=True, repr=False)
class Principal:
    """A user with what decides on logins. ``epoch`` rises when all sessions must end.

    The user's status is the effective one: a lock that holds is part of it.
    """

    user: UserData
    password_hash: str | None
    epoch: int
    tenant_status: str
    max_failed_attempts: int | None = None
    lockout_minutes: int | None = None
    """What the tenant has set; None is the platform's."""
    password_expires_at: datetime | None = None
    """When the password will be older than the tenant allows."""
    permissions: frozenset[str] = frozenset()
    """What the roles held allow beyond the built-in role."""

    def standing(self) -> str | None:
        """Why nobody gets in as this user from anywhere, or None."""
        if not self.user.is_active:
            locked = self.user.status is UserStatus.LOCKED
            return "locked" if locked else f"user_{self.user.status.value}"
        if self.tenant_status != "active":
            return f"tenant_{self.tenant_status}"
        return None

    def refusal(self, address: str | None) -> str | None:
        """Why nobody gets in as this user from this address, or None."""
        standing = self.standing()
        if standing is not None:
            return standing
        if not allowed(self.user.allowed_client_ip, address):
            return "address_not_allowed"
        return None

    def as_actor(self) -> Actor:
        """The user as an actor, limited while the password must be changed."""
        return Actor(
            kind=ActorKind.USER,
            name=self.user.username,
            id=self.user.id,
            tenant_id=self.user.tenant_id,
            role=self.user.role.value,
            only=PASSWORD_CHANGE_ONLY if self.user.need_password_change else None,
            permissions=self.permissions,
        )
