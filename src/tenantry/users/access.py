"""Who may do what to which user: the built-in roles, and what other roles allow beyond them.

Who holds a permission may run its action as an admin of the own tenant would, but not on
administrators, nor on who holds a permission that the actor lacks. It counts for the action that
runs, and for no other.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tenantry.errors import NotAuthenticated, PermissionError
from tenantry.kernel.action import Action, Actor, ActorKind, Audience, current_run
from tenantry.users.model import UserCreator, UserData, UserRole, UserStatus
from tenantry.users.principal import REFRESH_ONLY

OWN_FIELDS = frozenset({"full_name", "description", "phone"})
"""What a user may change in the own profile; the password has an action of its own."""

_AUDIENCES = {
    UserRole.SUPERADMIN: frozenset(Audience),
    UserRole.ADMIN: frozenset(Audience) - {Audience.PLATFORM},
    UserRole.MONITOR: frozenset({Audience.EVERYONE, Audience.AUTHENTICATED, Audience.READERS}),
    UserRole.USER: frozenset({Audience.EVERYONE, Audience.AUTHENTICATED}),
}
DELEGABLE = frozenset({Audience.READERS, Audience.ADMINISTRATORS})
"""Of whose actions the tags are permissions that a role can hold."""


class RoleGuard:
    """Lets an actor run what the built-in role is in the audience of, or a permission is for."""

    def check(self, actor: Actor, action: Action[Any]) -> None:
        if actor.kind is ActorKind.SYSTEM or action.audience is Audience.EVERYONE:
            return
        if actor.kind is not ActorKind.USER or actor.role is None:
            raise NotAuthenticated
        if actor.only is not None and action.tag not in actor.only:
            message, reason = _limited(actor.only)
            raise PermissionError(message, reason=reason)
        built_in = action.audience in _AUDIENCES[UserRole(actor.role)]
        if not (built_in or is_permitted(actor, action)):
            raise PermissionError(f"The permission {action.tag} is needed for this.")


def _limited(only: frozenset[str]) -> tuple[str, str]:
    """Why an actor is limited to some actions: a sentence, and a code."""
    if only == REFRESH_ONLY:
        raise NotAuthenticated
    if "login.second_factor" in only:
        return "Give the code of your second factor first.", "need_second_factor"
    if "user.change_password" in only:
        message = "Change your password first; until then this session can do nothing else."
        return message, "need_password_change"
    return "This access key is good for reading only.", "read_only"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which users an actor can see: all, those of a tenant, or one. Others do not exist."""

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    reach: frozenset[str] | None = field(default=None, repr=False, compare=False)
    """The permissions beyond which nobody may hold any who is changed; None: no limit."""

    @classmethod
    def of(cls, actor: Actor) -> "Scope":
        """What this actor can see."""
        if is_platform(actor):
            return cls()
        if actor.role in (UserRole.ADMIN, UserRole.MONITOR):
            return cls(tenant_id=actor.tenant_id)
        if actor.id is None:
            raise NotAuthenticated
        if is_delegate(actor):
            return cls(tenant_id=actor.tenant_id, reach=actor.permissions)
        return cls(tenant_id=actor.tenant_id, user_id=actor.id)

    def require_within_reach(self, permissions: Collection[str]) -> None:
        """PermissionError where somebody holds these who must not hold more than the actor."""
        if self.reach is not None and not self.reach.issuperset(permissions):
            message = "This user holds permissions that you lack; an administrator must do this."
            raise PermissionError(message, field="user")


def bound_tenant(actor: Actor) -> UUID | None:
    """The tenant that an actor never looks beyond; None for who may, or has yet to say who it is.

    For a user of no tenant this is one that there is not.
    """
    if actor.kind is not ActorKind.USER or is_platform(actor):
        return None
    return actor.tenant_id or UUID(int=0)


def home_for(actor: Actor, creators: Iterable[UserCreator]) -> UUID | None:
    """The tenant of those of whom none is said: the actor's, where the actor is bound to one.

    None where each has one, or the first tenant is meant.
    """
    if all(creator.domain_name is not None for creator in creators):
        return None
    return bound_tenant(actor)


def require_may_create(actor: Actor, role: str, tenant_id: UUID) -> None:
    """PermissionError unless the actor may make a user of this role in this tenant."""
    if is_platform(actor):
        return
    if not _administers(actor) or actor.tenant_id != tenant_id:
        raise PermissionError("You can create users in your own tenant only.", field="domain_name")
    _require_may_give(actor, role)


def may_state_origin(actor: Actor, tenant_id: UUID | None) -> bool:
    """Whether the actor's word on where somebody else asks from is taken for this tenant's users.

    Who serves a tenant's people does that for them; anybody else could pretend to be anywhere.
    """
    if is_platform(actor):
        return True
    return actor.role == UserRole.ADMIN and tenant_id is not None and tenant_id == actor.tenant_id


def require_may_change(actor: Actor, user: UserData, changes: dict[str, Any]) -> None:
    """PermissionError unless the actor may change these columns of this user.

    The user is one that the actor can see; ``changes`` holds only what really differs.
    """
    own = actor.id == user.id
    if own and changes.keys() & {"role", "status"}:
        raise PermissionError("You cannot change your own role or status.", field="role")
    if own and "password" in changes:
        message = "Change your own password with the current one as proof."
        raise PermissionError(message, field="password")
    if is_platform(actor):
        return
    if own and not _administers(actor) and actor.role == UserRole.USER:
        _require_only(changes.keys(), OWN_FIELDS)
        return
    if not _administers(actor):
        raise PermissionError("Your role changes nothing here.")
    if user.role is UserRole.SUPERADMIN:
        raise PermissionError("Only a superadmin changes a superadmin.")
    if user.role is not UserRole.USER and not is_admin(actor):
        raise PermissionError("Only an administrator changes an administrator or a monitor.")
    _require_only(changes.keys(), changes.keys() - {"domain_name"})
    if "role" in changes:
        _require_may_give(actor, changes["role"])


def require_may_delete(actor: Actor, user: UserData) -> None:
    """PermissionError unless the actor may delete or restore this user."""
    if actor.id == user.id:
        raise PermissionError("You cannot delete yourself.")
    require_may_change(actor, user, {"status": UserStatus.DELETED.value})


def require_may_purge(actor: Actor, user: UserData) -> None:
    """PermissionError unless the actor may purge this user, which begins like a deletion."""
    if actor.id == user.id:
        raise PermissionError("You cannot purge yourself.")
    require_may_change(actor, user, {"status": UserStatus.PURGING.value})


def is_platform(actor: Actor) -> bool:
    """Whether the actor may do everything everywhere."""
    return actor.kind is ActorKind.SYSTEM or actor.role == UserRole.SUPERADMIN


def is_admin(actor: Actor) -> bool:
    """Whether the actor administers a tenant by the built-in role."""
    return actor.role == UserRole.ADMIN


def is_permitted(actor: Actor, action: Action[Any] | type[Action[Any]]) -> bool:
    """Whether a permission that the actor's roles give is for this action."""
    return action.tag in actor.permissions and action.audience in DELEGABLE


def is_delegate(actor: Actor) -> bool:
    """Whether the actor does what runs now by a permission, and not by the built-in role."""
    run = current_run()
    return actor.role == UserRole.USER and run is not None and is_permitted(actor, run.action)


def _administers(actor: Actor) -> bool:
    return is_admin(actor) or is_delegate(actor)


def _require_may_give(actor: Actor, role: str) -> None:
    if not is_admin(actor) and role != UserRole.USER:
        raise PermissionError("Only an administrator gives a built-in role.", field="role")
    if role == UserRole.SUPERADMIN:
        raise PermissionError("Only a superadmin makes a superadmin.", field="role")


def _require_only(asked: Collection[str], allowed: Collection[str]) -> None:
    for name in sorted(set(asked) - set(allowed)):
        raise PermissionError(f"You cannot change {name}.", field=name)
