"""Who may do what to whose access keys, as pure decisions."""

from collections.abc import Collection
from datetime import datetime

from tenantry.access_keys.model import ADMIN_ROLES, KeyActor
from tenantry.errors import PermissionError
from tenantry.kernel.action import Actor, ActorKind
from tenantry.users import access
from tenantry.users.model import UserData, UserRole

OWN_FIELDS = frozenset({"name", "expires_at"})
"""What users change in keys of their own; the rest is the administrators' to say."""


def require_may_change(actor: Actor, owner: UserData) -> None:
    """PermissionError unless the actor may issue, switch or end keys of this user."""
    if actor.id == owner.id and actor.role != UserRole.MONITOR:
        return
    access.require_may_change(actor, owner, {"main_access_key": None})


def require_may_set(actor: Actor, fields: Collection[str]) -> None:
    """PermissionError where a field is among them that is not the actor's to choose."""
    if is_administrator(actor):
        return
    for name in sorted(set(fields) - OWN_FIELDS):
        raise PermissionError(f"An administrator sets {name}.", field=name)


def require_may_give_admin(actor: Actor, owner: UserData) -> None:
    """PermissionError unless a key of this user may do what an administrator may."""
    if not is_administrator(actor) or owner.role not in ADMIN_ROLES:
        message = "Only an administrator's key can be one, and only an administrator issues it."
        raise PermissionError(message, field="admin")


def require_no_longer(actor: Actor, expires_at: datetime | None) -> None:
    """PermissionError where a key would live on after the key that asks for it."""
    if not isinstance(actor, KeyActor) or actor.expires_at is None:
        return
    if expires_at is None or expires_at > actor.expires_at:
        message = f"The key that asks expires at {actor.expires_at.isoformat()}; so must this one."
        raise PermissionError(message, field="expires_at")


def is_administrator(actor: Actor) -> bool:
    """Whether the actor, by the credential in use, has an administrator's rights."""
    return actor.kind is ActorKind.SYSTEM or actor.role in ADMIN_ROLES
