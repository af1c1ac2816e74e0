"""The order of things when roles are created, read, changed and deleted."""

from collections.abc import Mapping
from uuid import UUID

from tenantry.errors import RoleConflict, TransactionConflict, VersionConflict
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.roles import rules
from tenantry.roles.actions import (
    CreateRoleAction,
    DeleteRoleAction,
    EnsuredRole,
    EnsureRoleAction,
    FindRoleAction,
    FoundRole,
    GetRoleAction,
    ModifyRoleAction,
    RoleResult,
)
from tenantry.roles.authority import Authority
from tenantry.roles.model import Ensured, RoleData
from tenantry.roles.ports import Users
from tenantry.roles.powers import powers_of
from tenantry.roles.repository import Place, RoleRepository
from tenantry.roles.rules import Definition, Vocabulary
from tenantry.roles.sight import Places
from tenantry.users.access import Scope

_DEFINITION = ("name", "description", "permissions", "databases")


class RoleService:
    """Handles the actions on roles themselves. Each opens one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        role_repository: RoleRepository,
        authority: Authority,
        vocabulary: Vocabulary,
        users: Users,
        clock: Clock,
    ) -> None:
        self._database = database
        self._roles = role_repository
        self._authority = authority
        self._vocabulary = vocabulary
        self._places = Places(users)
        self._clock = clock

    async def create_role(self, action: CreateRoleAction) -> RoleResult:
        """Add a role; RoleConflict, and nothing changed, when there is one of this name."""
        wanted = self._wanted(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            place = await self._places.of_new(tx, actor, action.domain_name)
            return RoleResult(await self._add(tx, actor, place.tenant_id, wanted))

    async def ensure_role(self, action: EnsureRoleAction) -> EnsuredRole:
        """Make the role, bring it to this definition or leave it, and say which."""
        wanted = self._wanted(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            place = await self._places.of_new(tx, actor, action.domain_name)
            role = await self._roles.find_locked(tx, wanted.name, place, Scope.of(actor))
            if role is None:
                return await self._ensured_new(tx, actor, place, wanted)
            if _definition(role).matches(wanted):
                tx.note(_note(role, {}))
                return EnsuredRole(role, Ensured.UNCHANGED)
            changed = await self._change(tx, actor, role, wanted)
        return EnsuredRole(changed, Ensured.CHANGED)

    async def get_role(self, action: GetRoleAction) -> RoleResult:
        """The role; RoleNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.autocommit() as tx:
            place = await self._places.of_name(tx, actor, action.domain_name, actor.tenant_id)
            return RoleResult(await self._roles.get(tx, action.role, place, Scope.of(actor)))

    async def find_role(self, action: FindRoleAction) -> FoundRole:
        """The role or None."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.autocommit() as tx:
            place = await self._places.of_name(tx, actor, action.domain_name, actor.tenant_id)
            return FoundRole(await self._roles.find(tx, action.role, place, Scope.of(actor)))

    async def modify_role(self, action: ModifyRoleAction) -> RoleResult:
        """Change a role; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            place = await self._places.of_name(tx, actor, action.domain_name, actor.tenant_id)
            role = await self._roles.lock(tx, action.role, place, Scope.of(actor))
            if action.version is not None and action.version != role.version:
                raise VersionConflict(field="version", version=role.version)
            wanted = rules.changed(_definition(role), action.modifier, self._vocabulary)
            return RoleResult(await self._change(tx, actor, role, wanted))

    async def delete_role(self, action: DeleteRoleAction) -> RoleResult:
        """Delete a role; who held it stays a user."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            await self._roles.hold_inheritance(tx)
            place = await self._places.of_name(tx, actor, action.domain_name, actor.tenant_id)
            role = await self._roles.lock(tx, action.role, place, Scope.of(actor))
            self._authority.require_own(actor, role.tenant_id)
            await self._roles.delete(tx, role.id)
            changes = {"name": (role.name, None), "user_count": (role.user_count, None)}
            tx.note(_note(role, changes))
        return RoleResult(role)

    def _wanted(self, action: CreateRoleAction | EnsureRoleAction) -> Definition:
        require_well_formed(action)
        said = {name: getattr(action, name) for name in _DEFINITION}
        return rules.defined(said, self._vocabulary)

    async def _ensured_new(
        self, tx: Transaction, actor: Actor, place: Place, wanted: Definition
    ) -> EnsuredRole:
        try:
            created = await self._add(tx, actor, place.tenant_id, wanted)
        except RoleConflict as conflict:  # somebody was quicker: it is there when looked for again
            raise TransactionConflict from conflict
        return EnsuredRole(created, Ensured.CREATED)

    async def _add(
        self, tx: Transaction, actor: Actor, tenant_id: UUID | None, wanted: Definition
    ) -> RoleData:
        now = self._clock.now()
        role_id = uuid7(now)
        powers = powers_of(wanted.permissions, wanted.databases, tenant_id)
        await self._authority.require_held(tx, actor, powers, "permissions")
        await self._roles.insert(tx, role_id, tenant_id, wanted, now)
        role = await self._roles.get(tx, str(role_id), Place(tenant_id), Scope.of(actor))
        told = {name: (None, getattr(role, name)) for name in _DEFINITION if getattr(role, name)}
        tx.note(_note(role, told))
        return role

    async def _change(
        self, tx: Transaction, actor: Actor, role: RoleData, wanted: Definition
    ) -> RoleData:
        self._authority.require_own(actor, role.tenant_id)
        before = powers_of(role.permissions, role.databases, role.tenant_id)
        after = powers_of(wanted.permissions, wanted.databases, role.tenant_id)
        await self._authority.require_held(tx, actor, after, "permissions", beside=before)
        await self._roles.update(tx, role.id, wanted, self._clock.now())
        changed = await self._roles.get(tx, str(role.id), Place(role.tenant_id), Scope.of(actor))
        differing = {
            name: (getattr(role, name), getattr(changed, name))
            for name in _DEFINITION
            if getattr(role, name) != getattr(changed, name)
        }
        tx.note(_note(changed, differing))
        return changed


def _definition(role: RoleData) -> Definition:
    return Definition(**{name: getattr(role, name) for name in _DEFINITION})


def _note(role: RoleData, changes: Mapping[str, tuple[object, object]]) -> Note:
    return Note(target=role.name, target_id=role.id, tenant_id=role.tenant_id, changes=changes)
