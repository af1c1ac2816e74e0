"""Which folders an actor can see, and which of them an action means."""

from typing import Any
from uuid import UUID

from tenantry.errors import InvalidInput
from tenantry.kernel.action import Actor, current_actor
from tenantry.kernel.transaction import Transaction
from tenantry.record import require_well_formed
from tenantry.storage.actions import OnVfolder
from tenantry.storage.model import Vfolder, meant
from tenantry.storage.names import lookup_key
from tenantry.storage.repository import FolderRepository
from tenantry.users.access import Scope
from tenantry.users.model import is_uuid
from tenantry.users.names import login_key

_MOST_OF_ONE_NAME = 100

Condition = tuple[str, object]


async def find(
    folders: FolderRepository, tx: Transaction, action: OnVfolder[Any]
) -> Vfolder:  # Any: of any result
    """The folder that is meant; VfolderNotFound also for one that the actor cannot see."""
    require_well_formed(action)
    actor = current_actor()
    conditions = in_sight(actor)
    named = action.folder.strip()
    if is_uuid(named):
        conditions.append(("id", UUID(named)))
    else:
        conditions.append(("name", lookup_key(named)))
        if action.owner is None:
            conditions.append(("user", viewer(actor)))
    if action.owner is not None:
        conditions.append(by_owner(action.owner))
    return meant(await folders.search(tx, conditions, _MOST_OF_ONE_NAME), actor.id)


def in_sight(actor: Actor) -> list[Condition]:
    """The conditions that keep out what the actor cannot see."""
    scope = Scope.of(actor)
    if scope.user_id is not None:
        return [("user", scope.user_id)]
    return [("tenant", scope.tenant_id)] if scope.tenant_id is not None else []


def by_owner(named: str) -> Condition:
    """The condition that an owner, by username or id, stands for."""
    named = named.strip()
    return ("owner_id", UUID(named)) if is_uuid(named) else ("owner", login_key(named))


def tenant_in_sight(actor: Actor) -> UUID | None:
    """The tenant whose users the actor may name; None for all of them."""
    scope = Scope.of(actor)
    return actor.tenant_id if scope.user_id is not None else scope.tenant_id


def viewer(actor: Actor) -> UUID:
    """The actor's own id; InvalidInput for one who is no user and so owns nothing."""
    if actor.id is None:
        raise InvalidInput.of("owner", "missing", "is required, as you own no vfolders yourself")
    return actor.id
