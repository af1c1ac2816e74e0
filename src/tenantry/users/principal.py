"""The one state that every credential path reads before it lets anybody in."""

from dataclasses import dataclass

from tenantry.kernel.action import Actor, ActorKind
from tenantry.users.addresses import allowed
from tenantry.users.model import UserData

PASSWORD_CHANGE_ONLY = frozenset({"user.change_password", "whoami", "logout"})
"""What a user may do who must change the password first."""
SECOND_FACTOR_ONLY = frozenset({"login.second_factor", "whoami", "logout"})
"""What a user may do who has given the password and not yet the second factor."""


@dataclass(frozen=True, repr=False)
class Principal:
    """A user with what decides on logins. ``epoch`` rises when all sessions must end."""

    user: UserData
    password_hash: str | None
    epoch: int
    tenant_status: str

    def refusal(self, address: str | None) -> str | None:
        """Why nobody gets in as this user from this address, or None."""
        if not self.user.is_active:
            return f"user_{self.user.status.value}"
        if self.tenant_status != "active":
            return f"tenant_{self.tenant_status}"
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
        )
