"""Who may give what by way of roles: nobody gives what they do not hold."""

from collections.abc import Collection, Iterable
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.errors import PermissionError
from tenantry.kernel.action import Actor
from tenantry.kernel.transaction import Transaction
from tenantry.privileges.model import Privilege
from tenantry.roles.actions import AssignRolesAction
from tenantry.roles.powers import Power, lacking
from tenantry.roles.repository import RoleRepository
from tenantry.roles.rules import Vocabulary
from tenantry.users import access

MOST_NAMED = 3


class Authority:
    """Says whether an actor may hand powers on.

    The platform's administrators may hand on anything. A tenant's admin holds every privilege on
    the databases of the own tenant and every permission that a role can hold, others what their
    own roles and grants come to.
    """

    def __init__(self, *, role_repository: RoleRepository, vocabulary: Vocabulary) -> None:
        self._roles = role_repository
        self._vocabulary = vocabulary

    def require_own(self, actor: Actor, tenant_id: UUID | None) -> None:
        """PermissionError for changing a role that belongs to somebody else, the platform."""
        if not access.is_platform(actor) and tenant_id != actor.tenant_id:
            message = "Only the platform's administrators change a role of the platform."
            raise PermissionError(message, field="role")

    def may_assign(self, actor: Actor) -> bool:
        """Whether the actor may assign roles at all, as when users are made with some."""
        if access.is_platform(actor) or access.is_admin(actor):
            return True
        return access.is_permitted(actor, AssignRolesAction)

    async def require_held(
        self,
        tx: Transaction,
        actor: Actor,
        wanted: Iterable[Power],
        field: str,
        *,
        beside: Collection[Power] = (),
    ) -> None:
        """PermissionError unless the actor holds all that is wanted, or it is there already.

        What is held is so until the commit: nobody takes it away before.
        """
        missing = await self.missing(tx, actor, wanted, beside=beside)
        if missing:
            raise PermissionError(refusal(missing), field=field)

    async def missing(
        self,
        tx: Transaction,
        actor: Actor,
        wanted: Iterable[Power],
        *,
        beside: Collection[Power] = (),
    ) -> list[Power]:
        """What of the powers wanted the actor cannot hand on, because they are not held."""
        if access.is_platform(actor):
            return []
        missing = lacking(wanted, [*beside, *self._by_office(actor)])
        if not missing or actor.id is None:
            return missing
        await ChangeLog.hold(tx)
        return lacking(missing, await self._roles.powers_of_user(tx, actor.id, actor.tenant_id))

    def _by_office(self, actor: Actor) -> list[Power]:
        """What an admin holds, who does not have to be given it."""
        if not access.is_admin(actor) or actor.tenant_id is None:
            return []
        own = Power(Privilege.ALL, within_id=actor.tenant_id)
        return [own, *(Power(tag) for tag in self._vocabulary.delegable)]


def refusal(missing: Collection[Power]) -> str:
    """Says what is not held, the first few by name."""
    labels = sorted({power.label() for power in missing})
    more = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    return f"You cannot give what you do not hold: {', '.join(labels[:MOST_NAMED])}{more}."
