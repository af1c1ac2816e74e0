"""What can be asked about groups."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.groups.model import GroupData, GroupModifier, Member
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.users.model import Limit

ResultT = TypeVar("ResultT")

Tenant = Annotated[
    str | None,
    msgspec.Meta(description="Tenant in which a name is looked up; one's own unless named"),
]


class GroupResult(Record, frozen=True):
    """The group as it is after the action, or as it was when it was deleted."""

    data: GroupData
    success: bool = True


class MembershipResult(Record, frozen=True):
    """Whether the membership had to be changed; it is as asked either way."""

    changed: bool
    success: bool = True


class OnGroup(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one group, named by id or by name."""

    group: Annotated[str, msgspec.Meta(description="Name or id of the group")]

    def target(self) -> str | None:
        return str(self.group)[:256]


class CreateGroupAction(Action[GroupResult], frozen=True, kw_only=True):
    """Create a group in a tenant, one's own unless another is named."""

    tag: ClassVar[str] = "group.create"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    name: str
    description: Annotated[str | None, msgspec.Meta(description="Free text on the group.")] = None
    domain_name: Tenant = None

    def target(self) -> str | None:
        return str(self.name)[:256]


class GetGroupAction(OnGroup[GroupResult], frozen=True):
    """Show a group; plain users see the groups that they are in."""

    tag: ClassVar[str] = "group.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    domain_name: Tenant = None


class ListGroupsAction(Action[Page[GroupData]], frozen=True, kw_only=True):
    """List groups by name: all that one can see, or those that a user is in."""

    tag: ClassVar[str] = "group.list"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: Annotated[str | None, msgspec.Meta(description="Username or id of a member")] = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyGroupAction(OnGroup[GroupResult], frozen=True):
    """Rename or describe a group. With a version, only if nobody changed it meanwhile."""

    tag: ClassVar[str] = "group.modify"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    modifier: GroupModifier = GroupModifier()
    domain_name: Tenant = None
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None


class DeleteGroupAction(OnGroup[GroupResult], frozen=True):
    """Delete a group and its memberships; the users stay."""

    tag: ClassVar[str] = "group.delete"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    domain_name: Tenant = None


class OnMembership(OnGroup[MembershipResult], frozen=True):
    """An action about one user in one group."""

    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]
    domain_name: Tenant = None


class AddMemberAction(OnMembership, frozen=True):
    """Put a user into a group of the same tenant. Can be repeated."""

    tag: ClassVar[str] = "group.add_member"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class RemoveMemberAction(OnMembership, frozen=True):
    """Take a user out of a group. Can be repeated."""

    tag: ClassVar[str] = "group.remove_member"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class ListMembersAction(OnGroup[Page[Member]], frozen=True, kw_only=True):
    """List the users in a group by username, a page at a time."""

    tag: ClassVar[str] = "group.list_members"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    domain_name: Tenant = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None
