"""Who may grant and revoke what, to whom, and where it then holds."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tenantry.errors import PermissionError, StateConflict
from tenantry.grants.principals import Principal
from tenantry.grants.repository import GrantRepository, Wanted
from tenantry.kernel.action import Actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.roles.authority import Authority as Holdings
from tenantry.roles.powers import Power
from tenantry.users import access
from tenantry.users.model import UserRole


class Authority:
    """Says whether an actor may, and within which tenant what it grants will hold.

    The platform's administrators grant anything, anywhere. A tenant's admin grants anything on
    that tenant's databases. Who has a permission to grant grants only what is held, where
    GRANT_PRIVILEGES is held, and for no longer than both are.
    """

    def __init__(
        self, *, grant_repository: GrantRepository, holdings: Holdings, clock: Clock
    ) -> None:
        self._grants = grant_repository
        self._holdings = holdings
        self._clock = clock

    def require_principal(self, actor: Actor, principal: Principal) -> None:
        """PermissionError for a principal that is not the actor's to grant to."""
        if access.is_platform(actor):
            return
        if principal.tenant_id != actor.tenant_id:
            message = "Only the platform's administrators grant to a role of the platform."
            raise PermissionError(message, field="principal")
        if principal.user is not None and principal.user.role is UserRole.SUPERADMIN:
            raise PermissionError("Only a superadmin grants to a superadmin.", field="principal")

    async def required_to_give(
        self, tx: Transaction, actor: Actor, principal: Principal, wanted: Wanted
    ) -> UUID | None:
        """The tenant within which the grant will hold; None for everywhere."""
        if access.is_platform(actor):
            await self._require_no_wall(tx, principal, wanted.object)
            return None
        bounds = wanted.bounds
        since = bounds.valid_from or self._clock.now()
        powers = _powers(wanted.privileges, wanted.object, actor, since, bounds.valid_until)
        await self._holdings.require_held(tx, actor, powers, "permissions")
        return actor.tenant_id

    async def required_to_take(
        self,
        tx: Transaction,
        actor: Actor,
        privileges: Sequence[Privilege],
        on: DatabaseObject,
    ) -> UUID | None:
        """The tenant to whose grants it is limited; None for all that the principal has.

        An admin may take away also what the platform gave to the tenant's people; others only
        what they could give.
        """
        if access.is_platform(actor) or access.is_admin(actor):
            return None
        now = self._clock.now()
        powers = _powers(privileges, on, actor, now, now)
        await self._holdings.require_held(tx, actor, powers, "permissions")
        return actor.tenant_id

    async def _require_no_wall(
        self, tx: Transaction, principal: Principal, on: DatabaseObject
    ) -> None:
        if on.database is None or principal.tenant_id is None:
            return
        if await self._grants.is_walled(tx, on.database, principal.tenant_id):
            message = f"A closed wall stands between {principal.name} and {on.database}."
            raise StateConflict(message, field="database")


def _powers(
    privileges: Iterable[Privilege],
    on: DatabaseObject,
    actor: Actor,
    since: datetime,
    until: datetime | None,
) -> list[Power]:
    """What it takes to hand these on: the same, and to be one who may."""
    needed = dict.fromkeys([*privileges, Privilege.GRANT_PRIVILEGES])
    return [Power(privilege, on, actor.tenant_id, since, until) for privilege in needed]
