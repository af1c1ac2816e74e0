"""What needs a proof of identity that is not long ago (ASVS 5.0, 7.5.1 and 7.5.3).

A session that was left open, or a token that was stolen, can look at things and do everyday work;
it can give nobody new ways in. What asks for password or code itself needs nothing further.
"""

from typing import Any

from tenantry.errors import StepUpRequired
from tenantry.kernel.action import Action, Actor
from tenantry.kernel.guard import Guard
from tenantry.sessions.model import SessionActor
from tenantry.users.actions import ImportUsersAction, ModifyUserAction
from tenantry.users.model import UserCreator, UserRole

SENSITIVE = frozenset(
    {
        "user.purge",
        "audit.apply_retention",
        "user.reset_password",
        "user.set_password",
        "second_factor.remove",
        "access_key.issue",
        "access_key.show_secret",
        "access_key.switch_main",
        "session.create",
        "role.assign",
        "role.ensure",
        "role.inherit",
        "role.modify",
        "tenant.create",
        "tenant.assign_user",
        "tenant.delete",
        "database.add",
        "database.modify",
        "database.remove",
        "database.adopt",
        "database.revert",
        "grant.give",
    }
)
SENSITIVE_FIELDS = frozenset(
    {"email", "password", "role", "totp_activated", "allowed_client_ip", "domain_name"}
)


class StepUpGuard:
    """Asks another guard first; then a session for a fresh proof, where the act needs one.

    Access keys and code that embeds us are not asked: nobody sits there. A key is issued and
    shown with a fresh proof only, has a scope and an expiry, and is refused like a session.
    """

    def __init__(self, inner: Guard) -> None:
        self._inner = inner

    def check(self, actor: Actor, action: Action[Any]) -> None:
        self._inner.check(actor, action)
        if isinstance(actor, SessionActor) and not actor.fresh and is_sensitive(action):
            raise StepUpRequired


def is_sensitive(action: Action[Any]) -> bool:
    """Whether what is asked could give somebody a new way in, or cannot be undone."""
    if isinstance(action, ModifyUserAction):
        return not SENSITIVE_FIELDS.isdisjoint(action.modifier.changes())
    made = getattr(action, "input", None)
    if isinstance(made, UserCreator):
        return _empowers(made)
    if isinstance(action, ImportUsersAction):
        return any(_empowers(user) for user in action.users)
    return action.tag in SENSITIVE


def _empowers(user: UserCreator) -> bool:
    """Whether somebody is made who may do more than a plain user."""
    return user.role != UserRole.USER or bool(user.roles)
