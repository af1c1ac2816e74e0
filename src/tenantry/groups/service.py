"""The order of things when groups and memberships are created, read, changed and deleted."""

from collections.abc import Mapping
from uuid import UUID

from tenantry.errors import InvalidInput, StateConflict, TenantNotFound, VersionConflict
from tenantry.groups import rules
from tenantry.groups.actions import (
    AddMemberAction,
    CreateGroupAction,
    DeleteGroupAction,
    GetGroupAction,
    GroupResult,
    ListGroupsAction,
    ListMembersAction,
    MembershipResult,
    ModifyGroupAction,
    OnMembership,
    RemoveMemberAction,
)
from tenantry.groups.model import GroupData, Member
from tenantry.groups.ports import Users
from tenantry.groups.repository import GroupRepository, name_key
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.users import access
from tenantry.users.access import Scope
from tenantry.users.model import FIRST_TENANT, UserData, UserKey, UserStatus

_GONE = frozenset({UserStatus.DELETED, UserStatus.PURGING})


class GroupService:
    """Handles the actions on groups. Each opens one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        group_repository: GroupRepository,
        users: Users,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._groups = group_repository
        self._users = users
        self._clock = clock
        self._cursor_key = cursor_key

    async def create_group(self, action: CreateGroupAction) -> GroupResult:
        """Add a group; GroupConflict when its tenant has one of this name."""
        require_well_formed(action)
        fields = rules.columns({"name": action.name, "description": action.description})
        now = self._clock.now()
        group_id = uuid7(now)
        async with self._database.transaction() as tx:
            tenant_id = await self._tenant(tx, current_actor(), action.domain_name)
            await self._groups.insert(
                tx,
                group_id=group_id,
                tenant_id=tenant_id,
                name=str(fields["name"]),
                description=fields["description"],
                now=now,
            )
            group = await self._groups.get(tx, str(group_id), None, Scope())
            tx.note(_note(group, {"name": (None, group.name)}))
        return GroupResult(group)

    async def get_group(self, action: GetGroupAction) -> GroupResult:
        """The group; GroupNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.autocommit() as tx:
            tenant_id = await self._tenant(tx, actor, action.domain_name)
            return GroupResult(await self._groups.get(tx, action.group, tenant_id, Scope.of(actor)))

    async def list_groups(self, action: ListGroupsAction) -> Page[GroupData]:
        """A page of the groups that the actor can see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = ["groups", repr(scope), action.user]
        after = self._position(question, action.cursor)
        async with self._database.autocommit() as tx:
            member_id = None
            if action.user is not None:
                member_id = (await self._users.get(tx, UserKey.of(user=action.user), scope)).id
            found = await self._groups.page(tx, scope, member_id, action.limit + 1, after)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        position = [name_key(items[-1]), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, question, position))

    async def modify_group(self, action: ModifyGroupAction) -> GroupResult:
        """Change a group; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        said = rules.columns(action.modifier.changes())
        if not said:
            raise InvalidInput.of("modifier", "empty", "names no field to change")
        actor = current_actor()
        async with self._database.transaction() as tx:
            tenant_id = await self._tenant(tx, actor, action.domain_name)
            group = await self._groups.lock(tx, action.group, tenant_id, Scope.of(actor))
            if action.version is not None and action.version != group.version:
                raise VersionConflict(field="version", version=group.version)
            name = said.get("name") or group.name
            description = said.get("description", group.description)
            await self._groups.update(tx, group.id, name, description, self._clock.now())
            changed = await self._groups.get(tx, str(group.id), None, Scope())
            differing = {
                field: (getattr(group, field), getattr(changed, field))
                for field in said
                if getattr(group, field) != getattr(changed, field)
            }
            tx.note(_note(changed, differing))
        return GroupResult(changed)

    async def delete_group(self, action: DeleteGroupAction) -> GroupResult:
        """Delete a group; its members stay users."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            tenant_id = await self._tenant(tx, actor, action.domain_name)
            group = await self._groups.lock(tx, action.group, tenant_id, Scope.of(actor))
            await self._groups.delete(tx, group.id)
            tx.note(_note(group, {"name": (group.name, None)}))
        return GroupResult(group)

    async def add_member(self, action: AddMemberAction) -> MembershipResult:
        """Put a user into a group; GroupNotFound when they are of different tenants."""
        async with self._database.transaction() as tx:
            user, group, is_member = await self._pair(tx, action)
            if user.status in _GONE:
                raise StateConflict("A deleted user joins no group; restore it first.")
            if not is_member:
                self._groups.join(tx, group.id, user, self._clock.now())
            changes = {} if is_member else {"members": (None, user.username)}
            tx.note(_note(group, changes, person_id=user.id))
        return MembershipResult(not is_member)

    async def remove_member(self, action: RemoveMemberAction) -> MembershipResult:
        """Take a user out of a group."""
        async with self._database.transaction() as tx:
            user, group, is_member = await self._pair(tx, action)
            if is_member:
                self._groups.leave(tx, group.id, user.id)
            changes = {"members": (user.username, None)} if is_member else {}
            tx.note(_note(group, changes, person_id=user.id))
        return MembershipResult(is_member)

    async def list_members(self, action: ListMembersAction) -> Page[Member]:
        """A page of a group's members."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.autocommit() as tx:
            tenant_id = await self._tenant(tx, actor, action.domain_name)
            group = await self._groups.get(tx, action.group, tenant_id, Scope.of(actor))
            question = ["members", str(group.id)]
            after = self._position(question, action.cursor)
            found = await self._groups.members(tx, group.id, action.limit + 1, after)
        items = [member for member, _ in found[: action.limit]]
        if len(found) <= action.limit:
            return Page(items)
        last, key = found[action.limit - 1]
        return Page(items, seal(self._cursor_key, question, [key, str(last.user_id)]))

    async def _pair(
        self, tx: Transaction, action: OnMembership
    ) -> tuple[UserData, GroupData, bool]:
        """The user, locked against moving to another tenant, the group there, and if it is in."""
        require_well_formed(action)
        actor = current_actor()
        scope = Scope.of(actor)
        user = await self._users.lock(tx, UserKey.of(user=action.user), scope)
        access.require_may_change(actor, user, {"group_ids": None})
        tenant_id = user.tenant_id
        if action.domain_name is not None:
            tenant_id = await self._tenant(tx, actor, action.domain_name)
        group, is_member = await self._groups.keep(tx, action.group, tenant_id, scope, user.id)
        if group.tenant_id != user.tenant_id:
            message = f"There is no such group in the tenant of {user.username}."
            raise StateConflict(message, field="group")
        return user, group, is_member

    async def _tenant(self, tx: Transaction, actor: Actor, name: str | None) -> UUID:
        """The tenant in which a group's name counts; TenantNotFound for one out of sight."""
        if name is None and actor.tenant_id is not None:
            return actor.tenant_id
        tenant_id = await self._users.find_tenant(tx, name or FIRST_TENANT, Scope.of(actor))
        if tenant_id is None:
            raise TenantNotFound(field="domain_name")
        return tenant_id

    def _position(self, question: object, cursor: str | None) -> tuple[str, UUID] | None:
        if cursor is None:
            return None
        key, identifier = unseal(self._cursor_key, question, cursor)
        return key, UUID(identifier)


def _note(
    group: GroupData,
    changes: Mapping[str, tuple[object, object]],
    *,
    person_id: UUID | None = None,
) -> Note:
    return Note(
        target=group.name,
        target_id=group.id,
        tenant_id=group.tenant_id,
        changes=changes,
        person_id=person_id,
    )
