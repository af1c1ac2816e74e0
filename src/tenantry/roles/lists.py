"""Lists of roles and of who holds them, a page at a time."""

from collections.abc import Sequence
from uuid import UUID

from tenantry.kernel.action import current_actor
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database
from tenantry.record import require_well_formed
from tenantry.roles import rules
from tenantry.roles.actions import (
    ListHeldRolesAction,
    ListRoleMembersAction,
    ListRolesAction,
    SearchRolesAction,
)
from tenantry.roles.model import RoleData, RoleFilter, RoleMember
from tenantry.roles.ports import Users
from tenantry.roles.repository import RoleRepository, name_key
from tenantry.roles.rules import Vocabulary
from tenantry.roles.sight import Places
from tenantry.users.access import Scope
from tenantry.users.model import UserKey


class RoleLists:
    """Handles the actions that list. Each asks one question of the database for its page."""

    def __init__(
        self,
        *,
        database: Database,
        role_repository: RoleRepository,
        vocabulary: Vocabulary,
        users: Users,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._roles = role_repository
        self._vocabulary = vocabulary
        self._users = users
        self._places = Places(users)
        self._cursor_key = cursor_key

    async def list_roles(self, action: ListRolesAction) -> Page[RoleData]:
        """A page of the roles that the actor can see."""
        require_well_formed(action)
        return await self._search(RoleFilter(), action.limit, action.cursor)

    async def search_roles(self, action: SearchRolesAction) -> Page[RoleData]:
        """A page of those that fit."""
        require_well_formed(action)
        require_well_formed(action.filter)
        return await self._search(action.filter, action.limit, action.cursor)

    async def list_held(self, action: ListHeldRolesAction) -> Page[RoleData]:
        """A page of the roles that a user holds; UserNotFound."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = ["held", repr(scope), action.user]
        after = self._position(question, action.cursor)
        async with self._database.autocommit() as tx:
            user = await self._users.get(tx, UserKey.of(user=action.user), scope)
            found = await self._roles.page(
                tx, scope, RoleFilter(), holder_id=user.id, limit=action.limit + 1, after=after
            )
        return self._page(question, found, action.limit)

    async def list_members(self, action: ListRoleMembersAction) -> Page[RoleMember]:
        """A page of who holds a role; RoleNotFound."""
        require_well_formed(action)
        actor = current_actor()
        scope = Scope.of(actor)
        async with self._database.autocommit() as tx:
            place = await self._places.of_name(tx, actor, action.domain_name, actor.tenant_id)
            role_id = await self._roles.locate(tx, action.role, place, scope)
            question = ["members", repr(scope), str(role_id)]
            after = self._position(question, action.cursor)
            found = await self._roles.members(tx, role_id, scope, action.limit + 1, after)
        items = [member for member, _ in found[: action.limit]]
        if len(found) <= action.limit:
            return Page(items)
        last, key = found[action.limit - 1]
        return Page(items, seal(self._cursor_key, question, [key, str(last.user_id)]))

    async def _search(self, wanted: RoleFilter, limit: int, cursor: str | None) -> Page[RoleData]:
        actor = current_actor()
        scope = Scope.of(actor)
        question = ["roles", repr(scope), wanted]
        after = self._position(question, cursor)
        permission = wanted.permission
        if permission is not None:
            permission = rules.permission_named(permission, self._vocabulary, "permission")
        asked = RoleFilter(text=wanted.text, permission=permission, database=wanted.database)
        async with self._database.autocommit() as tx:
            place = None
            if wanted.domain_name is not None:
                place = await self._places.of_new(tx, actor, wanted.domain_name)
            tenant_id = place.tenant_id if place is not None else None
            found = await self._roles.page(
                tx, scope, asked, tenant_id=tenant_id, limit=limit + 1, after=after
            )
        return self._page(question, found, limit)

    def _page(self, question: object, found: Sequence[RoleData], limit: int) -> Page[RoleData]:
        items = list(found[:limit])
        if len(found) <= limit:
            return Page(items)
        position = [name_key(items[-1]), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, question, position))

    def _position(self, question: object, cursor: str | None) -> tuple[str, UUID] | None:
        if cursor is None:
            return None
        key, identifier = unseal(self._cursor_key, question, cursor)
        return key, UUID(identifier)
