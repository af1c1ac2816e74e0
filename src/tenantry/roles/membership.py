"""Who holds which roles: assigning them, all or none, and removing one."""

from collections.abc import Collection, Sequence
from uuid import UUID

from tenantry.errors import InvalidInput, RoleNotFound, StateConflict
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.roles.actions import (
    AssignmentResult,
    AssignRolesAction,
    RemoveRoleAction,
    RoleChangeResult,
)
from tenantry.roles.authority import Authority
from tenantry.roles.ports import Users
from tenantry.roles.repository import RoleKey, RoleRepository
from tenantry.roles.sight import Places
from tenantry.users import access
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey, UserStatus

_GONE = frozenset({UserStatus.DELETED, UserStatus.PURGING})


class RoleMembership:
    """Handles the actions on who holds what. The user's row is locked meanwhile."""

    def __init__(
        self,
        *,
        database: Database,
        role_repository: RoleRepository,
        authority: Authority,
        users: Users,
        clock: Clock,
    ) -> None:
        self._database = database
        self._roles = role_repository
        self._authority = authority
        self._users = users
        self._places = Places(users)
        self._clock = clock

    async def assign_roles(self, action: AssignRolesAction) -> AssignmentResult:
        """Have a user hold roles; RoleNotFound names those that there are not."""
        require_well_formed(action)
        if not action.roles:
            raise InvalidInput.of("roles", "empty", "names no role")
        actor = current_actor()
        async with self._database.transaction() as tx:
            user = await self._user(tx, actor, action.user)
            if user.status in _GONE:
                raise StateConflict("A deleted user gets no roles; restore it first.")
            roles = await self._named(tx, actor, user, action.roles, action.domain_name)
            await self._require_assignable(tx, actor, user, roles)
            before = await self._roles.held_names(tx, user.id)
            entries = [(role.id, user.id) for role in roles]
            new = await self._roles.assign(tx, entries, self._clock.now(), actor.id)
            await self._settle(tx, user, before, changed=bool(new))
        return AssignmentResult(
            assigned=[role.name for role in roles if role.id in new],
            unchanged=[role.name for role in roles if role.id not in new],
        )

    async def remove_role(self, action: RemoveRoleAction) -> RoleChangeResult:
        """Have a user hold a role no more."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            user = await self._user(tx, actor, action.user)
            [role] = await self._named(tx, actor, user, [action.role], action.domain_name)
            before = await self._roles.held_names(tx, user.id)
            changed = await self._roles.remove(tx, role.id, user.id) > 0
            await self._settle(tx, user, before, changed=changed)
        return RoleChangeResult(changed)

    async def _user(self, tx: Transaction, actor: Actor, named: str) -> UserData:
        user = await self._users.lock(tx, UserKey.of(user=named), Scope.of(actor))
        access.require_may_change(actor, user, {"roles": None})
        return user

    async def _named(
        self,
        tx: Transaction,
        actor: Actor,
        user: UserData,
        named: Sequence[str],
        tenant: str | None,
    ) -> list[RoleKey]:
        place = await self._places.of_name(tx, actor, tenant, user.tenant_id)
        found = await self._roles.resolve(tx, named, place, Scope.of(actor))
        missing = [text for text in named if text not in found]
        if missing:
            field = "roles" if len(named) > 1 else "role"
            message = f"There is no role {missing[0][:64]!r}."
            raise RoleNotFound(message, field=field, missing=missing)
        return list({role.id: role for role in found.values()}.values())

    async def _require_assignable(
        self, tx: Transaction, actor: Actor, user: UserData, roles: Collection[RoleKey]
    ) -> None:
        """PermissionError for what the actor lacks, StateConflict where a wall stands between."""
        others = {role.tenant_id for role in roles if role.tenant_id not in (None, user.tenant_id)}
        foreign = [tenant_id for tenant_id in others if tenant_id is not None]
        if foreign and await self._roles.is_walled(tx, user.tenant_id, foreign):
            message = f"A closed wall stands between {user.username} and one of the roles."
            raise StateConflict(message, field="roles")
        powers = await self._roles.powers_of_roles(tx, [role.id for role in roles])
        wanted = [power for found in powers.values() for power in found]
        await self._authority.require_held(tx, actor, wanted, "roles")

    async def _settle(
        self, tx: Transaction, user: UserData, before: Sequence[str], *, changed: bool
    ) -> None:
        """Tell the audit, and whoever decides on access, of the change."""
        if not changed:
            tx.note(note_of(user.id, user.username, user.tenant_id, before, before))
            return
        after = await self._roles.held_names(tx, user.id)
        tx.note(note_of(user.id, user.username, user.tenant_id, before, after))


def note_of(
    user_id: UUID, username: str, tenant_id: UUID, before: Sequence[str], after: Sequence[str]
) -> Note:
    """What the audit is told of the roles that a user holds."""
    changes = {"roles": (list(before), list(after))} if before != after else {}
    return Note(username, user_id, tenant_id, changes)
