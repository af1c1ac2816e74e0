"""Who may do what to which vfolder: pure decisions on top of the built-in roles."""

import msgspec

from tenantry.errors import PermissionError
from tenantry.kernel.action import Actor
from tenantry.storage.model import Holder, Vfolder, VfolderData
from tenantry.users.access import Scope
from tenantry.users.model import UserRole

EVERYTHING = Scope()


def require_may_change(actor: Actor, folder: Vfolder) -> None:
    """PermissionError unless the actor, who can see the folder, may do as its owner may."""
    if _own(actor, folder.data):
        _require_changer(actor)
    else:
        _require_administers(actor, folder.owner_role)


def require_may_give_to(actor: Actor, owner: Holder) -> None:
    """PermissionError unless the actor may make folders that belong to this user."""
    if owner.id == actor.id:
        _require_changer(actor)
    else:
        _require_administers(actor, owner.role)


def seen_by(actor: Actor, data: VfolderData) -> VfolderData:
    """The folder as this actor may see it: a guest does not see the other guests."""
    if may_see_all(actor, data):
        return data
    own = [share for share in data.shares if share.user_id == actor.id]
    return msgspec.structs.replace(data, shares=own)


def may_see_all(actor: Actor, data: VfolderData) -> bool:
    """Whether the actor may see what concerns the folder's owner, and not only the folder."""
    return Scope.of(actor).user_id is None or _own(actor, data)


def _own(actor: Actor, data: VfolderData) -> bool:
    return actor.id is not None and data.owner_id == actor.id


def _require_changer(actor: Actor) -> None:
    if actor.role == UserRole.MONITOR:
        raise PermissionError("Your role changes nothing here.")


def _require_administers(actor: Actor, owner_role: UserRole) -> None:
    """The target is in the actor's scope already; others do not exist for the actor."""
    scope = Scope.of(actor)
    if scope == EVERYTHING:
        return
    _require_changer(actor)
    if scope.user_id is not None:
        raise PermissionError("Only the owner of a vfolder, or an administrator, does this.")
    if owner_role is UserRole.SUPERADMIN:
        raise PermissionError("Only a superadmin changes what a superadmin owns.")
