"""What can be asked about grants."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.changes.consistency import AtLeast, Consistency, HowSure
from tenantry.grants.model import (
    Explanation,
    GivenGrants,
    GrantData,
    Holder,
    PrincipalType,
    Revocation,
    RoleChange,
    RoleEffect,
    ServerEnforcement,
)
from tenantry.grants.permissions import UserPermissions
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.moments import End, Moment
from tenantry.record import Input, Record
from tenantry.users.model import Limit

ResultT = TypeVar("ResultT")

Database = Annotated[
    str | None, msgspec.Meta(description="Name of the database; everything unless named")
]
Schema = Annotated[
    str | None, msgspec.Meta(description="Schema in the database; for a table public unless named")
]
Table = Annotated[str | None, msgspec.Meta(description="Table in the schema")]
Names = Annotated[
    list[str], msgspec.Meta(max_length=64, description="Names of privileges, such as SELECT")
]
Tenant = Annotated[
    str | None, msgspec.Meta(description="Tenant in which a role's name is looked up first")
]
Kind = Annotated[
    PrincipalType | None,
    msgspec.Meta(description="What the principal is, where a user and a role bear the name"),
]


class GivenResult(Record, frozen=True):
    """What was granted."""

    data: GivenGrants
    success: bool = True


class OnPrincipal(Action[ResultT], Generic[ResultT], frozen=True, kw_only=True):
    """An action about the direct grants of one user or role."""

    principal: Annotated[str, msgspec.Meta(description="Name or id of a user or role")]
    principal_type: Kind = None
    domain_name: Tenant = None

    def target(self) -> str | None:
        return str(self.principal)[:256]


class GiveAction(OnPrincipal[GivenResult], frozen=True, kw_only=True):
    """Grant privileges on everything, a database, a schema or a table. Can be repeated.

    The object need not exist yet. What is granted on it holds for everything inside it. Without
    bounds it holds at once and until it is revoked.
    """

    tag: ClassVar[str] = "grant.give"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    permissions: Names
    database: Database = None
    schema: Schema = None
    table: Table = None
    valid_from: Annotated[Moment | None, msgspec.Meta(description="When it begins to hold")] = None
    valid_until: Annotated[End | None, msgspec.Meta(description="When it ends to hold")] = None
    reason: Annotated[str | None, msgspec.Meta(description="Why; shown with the grant")] = None


class ListGrantsAction(Action[Page[GrantData]], frozen=True, kw_only=True):
    """List direct grants in the order in which they were given: whose, and on what.

    A database means grants on it and on everything inside it, as do a schema and a table.
    ``role`` finds those of the users who hold that role.
    """

    tag: ClassVar[str] = "grant.list"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    principal: Annotated[str | None, msgspec.Meta(description="Name or id of a user or role")] = (
        None
    )
    principal_type: Kind = None
    role: Annotated[
        str | None, msgspec.Meta(description="Name or id of a role; finds its members' grants")
    ] = None
    domain_name: Tenant = None
    database: Annotated[str | None, msgspec.Meta(description="Name of the database")] = None
    schema: Annotated[str | None, msgspec.Meta(description="Schema in the database")] = None
    table: Table = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class RevocationResult(Record, frozen=True):
    """What was taken away, and what still gives access."""

    data: Revocation
    success: bool = True


class RevokeAction(OnPrincipal[RevocationResult], frozen=True, kw_only=True):
    """Take privileges away that are granted on just this object, and on nothing inside it.

    ALL takes every single privilege with it. The answer tells what was removed, and what of it
    is still held in another way. Can be repeated.
    """

    tag: ClassVar[str] = "grant.revoke"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    permissions: Names
    database: Database = None
    schema: Schema = None
    table: Table = None


class RevokeAccessAction(OnPrincipal[RevocationResult], frozen=True, kw_only=True):
    """Take every direct grant away that is on a database or on anything inside it.

    Roles stay as they are; the answer tells what still gives access. Can be repeated.
    """

    tag: ClassVar[str] = "grant.revoke_access"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    database: Annotated[str, msgspec.Meta(description="Name of the database")]


Permission = Annotated[str, msgspec.Meta(description="Name of the privilege, such as SELECT")]
User = Annotated[str, msgspec.Meta(description="Username or id of the user")]


class Question(Input, frozen=True, kw_only=True):
    """Whether a user may do something on the whole of an object."""

    user: User
    permission: Permission
    database: str | None = None
    schema: str | None = None
    table: str | None = None


class CheckResult(Record, frozen=True, omit_defaults=True):
    """The answer; False also for a user who is not there, or not active.

    ``enforcement``, where it was asked for, is what the server of the database makes of it.
    """

    allowed: bool
    enforcement: ServerEnforcement | None = None

    def __bool__(self) -> bool:
        return self.allowed


class CheckManyResult(Record, frozen=True):
    """The answers, in the order of the questions."""

    allowed: list[bool]


class OnUser(Action[ResultT], Generic[ResultT], frozen=True, kw_only=True):
    """A question about one user."""

    user: User

    def target(self) -> str | None:
        return str(self.user)[:256]


class CheckAction(OnUser[CheckResult], frozen=True, kw_only=True):
    """Whether a user may do something on the whole of an object now.

    Without a table it is about the whole schema or database, without a database about everything.
    ``current_user`` is whoever asks.
    """

    tag: ClassVar[str] = "grant.check"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    permission: Permission
    database: Database = None
    schema: Schema = None
    table: Table = None
    at_least: AtLeast | None = None
    consistency: HowSure = Consistency.BOUNDED
    with_enforcement: Annotated[
        bool,
        msgspec.Meta(description="Say also whether the database's server enforces it; of now"),
    ] = False


class CheckManyAction(Action[CheckManyResult], frozen=True, kw_only=True):
    """The same for up to 1,000 questions at once."""

    tag: ClassVar[str] = "grant.check_many"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    questions: Annotated[list[Question], msgspec.Meta(max_length=1000, description="What is asked")]
    at_least: AtLeast | None = None
    consistency: HowSure = Consistency.BOUNDED


class CheckAccessAction(OnUser[CheckResult], frozen=True, kw_only=True):
    """Whether a user may do anything at all on a database or inside it now."""

    tag: ClassVar[str] = "grant.check_access"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    database: Annotated[str, msgspec.Meta(description="Name of the database")]


class PermissionsResult(Record, frozen=True):
    """What a user may do."""

    data: UserPermissions
    success: bool = True


class GetPermissionsAction(OnUser[PermissionsResult], frozen=True, kw_only=True):
    """Show what a user may do now, and how: by direct grants, by roles and what these inherit."""

    tag: ClassVar[str] = "grant.effective"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class ExplainResult(Record, frozen=True):
    """Why it is so."""

    data: Explanation
    success: bool = True


class ExplainAction(OnUser[ExplainResult], frozen=True, kw_only=True):
    """Show why a user may do something or may not: the ways that lead to it, or what is lacking."""

    tag: ClassVar[str] = "grant.explain"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    permission: Permission
    database: Database = None
    schema: Schema = None
    table: Table = None


class ListHoldersAction(Action[Page[Holder]], frozen=True, kw_only=True):
    """List the users who may do something on the whole of an object now, oldest first.

    A page may hold fewer than were asked for while there are more, where thousands in a row come
    into question and may not.
    """

    tag: ClassVar[str] = "grant.list_holders"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    permission: Permission
    database: Database = None
    schema: Schema = None
    table: Table = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class WhatIfRoleAction(Action[Page[RoleEffect]], frozen=True, kw_only=True):
    """Show who would gain and lose what if a role were changed like this; changes nothing.

    It tells privileges on databases, and permissions of the system such as ``user.lock``. Those who
    would notice nothing are left out, so a page may hold fewer than were asked for.
    """

    tag: ClassVar[str] = "grant.what_if"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    role: Annotated[str, msgspec.Meta(description="Name or id of the role")]
    change: RoleChange = RoleChange()
    domain_name: Tenant = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None

    def target(self) -> str | None:
        return str(self.role)[:256]
