"""The account manager's operations on roles, who holds them and what they inherit."""

from collections.abc import Sequence

from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    DeleteRoleAction,
    DisinheritRoleAction,
    EnsuredRole,
    EnsureRoleAction,
    FindRoleAction,
    InheritRoleAction,
    ListHeldRolesAction,
    ListRoleMembersAction,
    ListRolesAction,
    ModifyRoleAction,
    RemoveRoleAction,
    SearchRolesAction,
)
from tenantry.roles.model import RoleData, RoleMember
from tenantry.sdk.operations import Operations, listed
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages


class RoleOperations(Operations):
    """Roles, by name or id. Unless a tenant is named, a name is looked up in one's own (or the
    user's) and then among the platform's."""

    async def create_role(
        self,
        name: str,
        description: str = "",
        permissions: Sequence[str] = (),
        databases: Sequence[str] | None = None,
        *,
        tenant: str | None = None,
    ) -> RoleData:
        """Create a role; RoleConflict, and the role untouched, where there is one of this name.

        Without ``databases`` its privileges hold on every one.
        """
        action = self._action(
            CreateRoleAction,
            name=name,
            description=description,
            permissions=listed(permissions),
            databases=listed(databases),
            domain_name=tenant,
        )
        return (await self._run(action)).data

    async def ensure_role(
        self,
        name: str,
        description: str = "",
        permissions: Sequence[str] = (),
        databases: Sequence[str] | None = None,
        *,
        tenant: str | None = None,
    ) -> EnsuredRole:
        """Have a role of this definition; ``outcome`` says created, changed or unchanged."""
        action = self._action(
            EnsureRoleAction,
            name=name,
            description=description,
            permissions=listed(permissions),
            databases=listed(databases),
            domain_name=tenant,
        )
        return await self._run(action)

    async def get_role(self, name: str, *, tenant: str | None = None) -> RoleData | None:
        """The role of this name or id; None where there is none (or none one may see)."""
        return (await self._run(FindRoleAction(name, tenant))).data

    async def list_roles(self) -> AsyncPages[RoleData]:
        """All roles that one may see, by name; ``user_count`` is of those who hold one directly."""
        return await self._walk(lambda cursor: ListRolesAction(limit=PAGE_SIZE, cursor=cursor))

    async def search_roles(
        self, /, text: str | None = None, **criteria: object
    ) -> AsyncPages[RoleData]:
        """Roles of which all hold: part of the name, ``permission``, ``database``, ``tenant``."""
        asked = {n: v for n, v in {"text": text, **_told(criteria)}.items() if v is not None}
        return await self._walk(
            lambda cursor: self._action(SearchRolesAction, **asked, limit=PAGE_SIZE, cursor=cursor)
        )

    async def update_role(
        self, name: str, /, *, tenant: str | None = None, **fields: object
    ) -> RoleData:
        """Change ``name``, ``description``, ``permissions`` or ``databases``; the rest stays.

        ``databases=None`` means every database. ``version=`` (from the role as read) refuses the
        change if somebody else was faster.
        """
        action = self._action(ModifyRoleAction, role=name, domain_name=tenant, **fields)
        return (await self._run(action)).data

    async def delete_role(self, name: str, *, tenant: str | None = None) -> RoleData:
        """Delete a role; nobody holds or inherits it any more."""
        return (await self._run(DeleteRoleAction(name, tenant))).data

    async def assign_role(self, username: str, role: str, *, tenant: str | None = None) -> bool:
        """Assign a role to a user; False where the user held it already."""
        result = await self._run(AssignRolesAction(username, [role], tenant))
        return bool(result.assigned)

    async def assign_roles(
        self, username: str, roles: Sequence[str], *, tenant: str | None = None
    ) -> list[str]:
        """Assign roles to a user, all or none; the names of those that were new."""
        action = self._action(
            AssignRolesAction, user=username, roles=listed(roles), domain_name=tenant
        )
        return (await self._run(action)).assigned

    async def remove_role(self, username: str, role: str, *, tenant: str | None = None) -> bool:
        """Remove a role from a user; False where the user did not hold it."""
        return (await self._run(RemoveRoleAction(username, role, tenant))).changed

    async def grant_role(self, role: str, to_role: str, *, tenant: str | None = None) -> bool:
        """Have ``to_role`` inherit all that ``role`` holds; False where it did already."""
        return (await self._run(InheritRoleAction(to_role, role, tenant))).changed

    async def revoke_role(self, role: str, from_role: str, *, tenant: str | None = None) -> bool:
        """Have ``from_role`` inherit from ``role`` no more; False where it did not."""
        return (await self._run(DisinheritRoleAction(from_role, role, tenant))).changed

    async def get_role_members(
        self, name: str, *, tenant: str | None = None
    ) -> AsyncPages[RoleMember]:
        """The users who hold a role directly, by username."""
        return await self._walk(
            lambda cursor: ListRoleMembersAction(
                role=name, domain_name=tenant, limit=PAGE_SIZE, cursor=cursor
            )
        )

    async def get_user_roles(self, username: str) -> AsyncPages[RoleData]:
        """The roles that a user holds directly, by name."""
        return await self._walk(
            lambda cursor: ListHeldRolesAction(user=username, limit=PAGE_SIZE, cursor=cursor)
        )


def _told(criteria: dict[str, object]) -> dict[str, object]:
    """The criteria under the names that the action has for them."""
    return {"domain_name" if name == "tenant" else name: v for name, v in criteria.items()}
