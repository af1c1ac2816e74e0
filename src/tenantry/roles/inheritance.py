"""What roles have from other roles: giving a role to a role, and taking it away."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tenantry.errors import StateConflict
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.roles.actions import (
    DisinheritRoleAction,
    InheritRoleAction,
    OnInheritance,
    RoleChangeResult,
)
from tenantry.roles.authority import Authority
from tenantry.roles.model import RoleData
from tenantry.roles.ports import Users
from tenantry.roles.repository import RoleRepository
from tenantry.roles.sight import Places
from tenantry.users.access import Scope

Edges = Sequence[tuple[UUID, UUID, str]]
"""Who inherits from whom, and that one's name."""


class RoleInheritance:
    """Handles the actions on inheritance. One at a time changes what roles inherit."""

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
        self._places = Places(users)
        self._clock = clock

    async def inherit(self, action: InheritRoleAction) -> RoleChangeResult:
        """Have a role inherit from another; StateConflict names the cycle that it would close."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            await self._roles.hold_inheritance(tx)
            role, parent = await self._pair(tx, actor, action)
            if parent.tenant_id not in (None, role.tenant_id):
                message = f"{role.name} can inherit from roles of its own tenant and the platform."
                raise StateConflict(message, field="parent")
            way = way_up(await self._roles.ancestry(tx, parent.id), parent.id, role.id)
            if way is not None:
                names = [role.name, parent.name, *way]
                message = f"{role.name} would inherit from itself: {' -> '.join(names)}."
                raise StateConflict(message, field="parent", path=names)
            powers = await self._roles.powers_of_roles(tx, [parent.id])
            await self._authority.require_held(tx, actor, powers[parent.id], "parent")
            now = self._clock.now()
            changed = await self._roles.inherit(tx, role.id, parent.id, now, actor.id) > 0
            tx.note(_note(role, (None, parent.name) if changed else None))
        return RoleChangeResult(changed)

    async def disinherit(self, action: DisinheritRoleAction) -> RoleChangeResult:
        """Have a role inherit from another one no more."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            await self._roles.hold_inheritance(tx)
            role, parent = await self._pair(tx, actor, action)
            changed = await self._roles.disinherit(tx, role.id, parent.id) > 0
            tx.note(_note(role, (parent.name, None) if changed else None))
        return RoleChangeResult(changed)

    async def _pair(
        self, tx: Transaction, actor: Actor, action: OnInheritance
    ) -> tuple[RoleData, RoleData]:
        """The role that is changed, which is the actor's to change, and the other one."""
        scope = Scope.of(actor)
        place = await self._places.of_name(tx, actor, action.domain_name, actor.tenant_id)
        role = await self._roles.lock(tx, action.role, place, scope)
        self._authority.require_own(actor, role.tenant_id)
        place = await self._places.of_name(tx, actor, None, role.tenant_id)
        return role, await self._roles.get(tx, action.parent, place, scope)


def _note(role: RoleData, change: tuple[str | None, str | None] | None) -> Note:
    changes: Mapping[str, tuple[object, object]] = {"inherits": change} if change else {}
    return Note(role.name, role.id, role.tenant_id, changes)


def way_up(edges: Edges, start: UUID, goal: UUID) -> list[str] | None:
    """The names on the shortest way from a role up to another; None where there is no way."""
    ways: dict[UUID, list[str]] = {start: []}
    waiting = [start]
    for role_id in waiting:
        if role_id == goal:
            return ways[role_id]
        for child_id, parent_id, name in edges:
            if child_id == role_id and parent_id not in ways:
                ways[parent_id] = [*ways[role_id], name]
                waiting.append(parent_id)
    return None
