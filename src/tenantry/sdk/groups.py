"""The account manager's operations on groups inside a tenant."""

from tenantry.errors import GroupNotFound
from tenantry.groups.actions import (
    AddMemberAction,
    CreateGroupAction,
    DeleteGroupAction,
    GetGroupAction,
    ListGroupsAction,
    ListMembersAction,
    ModifyGroupAction,
    RemoveMemberAction,
)
from tenantry.groups.model import GroupData, Member
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages


class GroupOperations(Operations):
    """Groups, by name or id. A name is looked up in one's own tenant unless another is named."""

    async def create_group(
        self, name: str, description: str | None = None, *, tenant: str | None = None
    ) -> GroupData:
        """Create a group; GroupConflict where the tenant has one of this name."""
        action = self._action(
            CreateGroupAction, name=name, description=description, domain_name=tenant
        )
        return (await self._run(action)).data

    async def get_group(self, name: str, *, tenant: str | None = None) -> GroupData | None:
        """The group of this name or id; None where there is none (or none one may see)."""
        try:
            return (await self._run(GetGroupAction(group=name, domain_name=tenant))).data
        except GroupNotFound:
            return None

    async def list_groups(self, username: str | None = None) -> AsyncPages[GroupData]:
        """All groups that one may see, by name, or those that a user is in."""
        return await self._walk(
            lambda cursor: ListGroupsAction(user=username, limit=PAGE_SIZE, cursor=cursor)
        )

    async def update_group(
        self, group: str, /, *, tenant: str | None = None, **fields: object
    ) -> GroupData:
        """Change ``name`` or ``description``; what is not named stays.

        ``version=`` (from the group as read) refuses the change if somebody else was faster.
        """
        action = self._action(ModifyGroupAction, group=group, domain_name=tenant, **fields)
        return (await self._run(action)).data

    async def delete_group(self, group: str, *, tenant: str | None = None) -> GroupData:
        """Delete a group and its memberships; the users stay."""
        return (await self._run(DeleteGroupAction(group, tenant))).data

    async def add_group_member(
        self, group: str, username: str, *, tenant: str | None = None
    ) -> bool:
        """Put a user into a group of the same tenant; False where the user was in it already."""
        return (await self._run(AddMemberAction(group, username, tenant))).changed

    async def remove_group_member(
        self, group: str, username: str, *, tenant: str | None = None
    ) -> bool:
        """Take a user out of a group; False where the user was not in it."""
        return (await self._run(RemoveMemberAction(group, username, tenant))).changed

    async def get_group_members(
        self, group: str, *, tenant: str | None = None
    ) -> AsyncPages[Member]:
        """The users in a group, by username."""
        return await self._walk(
            lambda cursor: ListMembersAction(
                group=group, domain_name=tenant, limit=PAGE_SIZE, cursor=cursor
            )
        )
