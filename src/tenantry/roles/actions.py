"""What can be asked about roles."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.roles.model import (
    Databases,
    Ensured,
    Permissions,
    RoleData,
    RoleFilter,
    RoleMember,
    RoleModifier,
)
from tenantry.users.model import Limit

ResultT = TypeVar("ResultT")

Tenant = Annotated[
    str | None,
    msgspec.Meta(
        description="Tenant in which a name is looked up; one's own and the platform unless named."
    ),
]
Home = Annotated[
    str | None,
    msgspec.Meta(
        description="Tenant that it belongs to; one's own, or the platform for a superadmin."
    ),
]


class RoleResult(Record, frozen=True):
    """The role as it is after the action, or as it was when it was deleted."""

    data: RoleData
    success: bool = True


class FoundRole(Record, frozen=True):
    """The role, or None."""

    data: RoleData | None
    success: bool = True


class EnsuredRole(Record, frozen=True):
    """The role, and what had to be done for it to be as it should."""

    data: RoleData
    outcome: Ensured
    success: bool = True


class AssignmentResult(Record, frozen=True):
    """The roles that the user now holds and did not before, by name, and those held already."""

    assigned: list[str]
    unchanged: list[str]
    success: bool = True


class RoleChangeResult(Record, frozen=True):
    """Whether something had to be changed; it is as asked either way."""

    changed: bool
    success: bool = True


class OnRole(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one role, named by id or by name."""

    role: Annotated[str, msgspec.Meta(description="Name or id of the role")]

    def target(self) -> str | None:
        return str(self.role)[:256]


class CreateRoleAction(Action[RoleResult], frozen=True, kw_only=True):
    """Create a role. Without databases its privileges hold on every one."""

    tag: ClassVar[str] = "role.create"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    name: str
    description: Annotated[str, msgspec.Meta(description="Free text on the role.")] = ""
    permissions: Permissions = []  # noqa: RUF012 - msgspec copies it
    databases: Databases | None = None
    domain_name: Home = None

    def target(self) -> str | None:
        return str(self.name)[:256]


class EnsureRoleAction(Action[EnsuredRole], frozen=True, kw_only=True):
    """Have a role of this name and definition: make it, bring it there, or leave it. Repeatable."""

    tag: ClassVar[str] = "role.ensure"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    name: str
    description: Annotated[str, msgspec.Meta(description="Free text on the role.")] = ""
    permissions: Permissions = []  # noqa: RUF012 - as above
    databases: Databases | None = None
    domain_name: Home = None

    def target(self) -> str | None:
        return str(self.name)[:256]


class GetRoleAction(OnRole[RoleResult], frozen=True):
    """Show a role; plain users see the roles that they hold."""

    tag: ClassVar[str] = "role.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    domain_name: Tenant = None


class FindRoleAction(OnRole[FoundRole], frozen=True):
    """Look for a role by id or name; none found is no error."""

    tag: ClassVar[str] = "role.find"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    domain_name: Tenant = None


class ListRolesAction(Action[Page[RoleData]], frozen=True, kw_only=True):
    """List the roles that one can see by name, a page at a time."""

    tag: ClassVar[str] = "role.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class SearchRolesAction(Action[Page[RoleData]], frozen=True, kw_only=True):
    """Search the roles that one can see, a page at a time."""

    tag: ClassVar[str] = "role.search"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    filter: RoleFilter = RoleFilter()
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyRoleAction(OnRole[RoleResult], frozen=True):
    """Change a role. With a version, only if nobody changed it meanwhile."""

    tag: ClassVar[str] = "role.modify"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    modifier: RoleModifier = RoleModifier()
    domain_name: Tenant = None
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None


class DeleteRoleAction(OnRole[RoleResult], frozen=True):
    """Delete a role; nobody holds or inherits it any more."""

    tag: ClassVar[str] = "role.delete"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    domain_name: Tenant = None


class AssignRolesAction(Action[AssignmentResult], frozen=True):
    """Assign roles to a user, all or none. Can be repeated."""

    tag: ClassVar[str] = "role.assign"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]
    roles: Annotated[
        list[str], msgspec.Meta(max_length=256, description="Roles by name or id; repeatable.")
    ]
    domain_name: Tenant = None

    def target(self) -> str | None:
        return str(self.user)[:256]


class RemoveRoleAction(Action[RoleChangeResult], frozen=True):
    """Remove a role from a user. Can be repeated."""

    tag: ClassVar[str] = "role.remove"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]
    role: Annotated[str, msgspec.Meta(description="Name or id of the role")]
    domain_name: Tenant = None

    def target(self) -> str | None:
        return str(self.user)[:256]


class ListRoleMembersAction(OnRole[Page[RoleMember]], frozen=True, kw_only=True):
    """List the users who hold a role directly by username, a page at a time."""

    tag: ClassVar[str] = "role.list_members"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    domain_name: Tenant = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ListHeldRolesAction(Action[Page[RoleData]], frozen=True, kw_only=True):
    """List the roles that a user holds directly by name, a page at a time."""

    tag: ClassVar[str] = "role.list_held"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None

    def target(self) -> str | None:
        return str(self.user)[:256]


class OnInheritance(OnRole[RoleChangeResult], frozen=True):
    """An action about what one role has from another."""

    parent: Annotated[str, msgspec.Meta(description="Name or id of the role that is inherited")]
    domain_name: Tenant = None


class InheritRoleAction(OnInheritance, frozen=True):
    """Have a role inherit all that another one holds. Can be repeated."""

    tag: ClassVar[str] = "role.inherit"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class DisinheritRoleAction(OnInheritance, frozen=True):
    """Have a role inherit from another one no more. Can be repeated."""

    tag: ClassVar[str] = "role.disinherit"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
