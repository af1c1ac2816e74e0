"""What can be asked about tenants."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.tenants.model import (
    CreatedTenant,
    DeletionReceipt,
    TenantData,
    TenantDatabase,
    TenantModifier,
    TenantStatus,
)
from tenantry.users.actions import UserResult
from tenantry.users.model import Limit, UserData

ResultT = TypeVar("ResultT")


class TenantResult(Record, frozen=True):
    """The tenant as it is after the action."""

    data: TenantData
    success: bool = True


class CreatedTenantResult(Record, frozen=True):
    """The new tenant, and the token for its admin's first password where there is one."""

    data: CreatedTenant
    success: bool = True


class FoundTenant(Record, frozen=True):
    """The tenant, or None."""

    data: TenantData | None
    success: bool = True


class DeletionResult(Record, frozen=True):
    """What a deletion did, or in a preview would do."""

    data: DeletionReceipt
    success: bool = True


class DatabaseResult(Record, frozen=True):
    """The database and its tenant; None where it belongs to none now."""

    data: TenantDatabase | None
    success: bool = True


class OnTenant(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one tenant, named by name or by id."""

    tenant: Annotated[str, msgspec.Meta(description="Name or id of the tenant")]

    def target(self) -> str | None:
        return str(self.tenant)[:256]


class CreateTenantAction(Action[CreatedTenantResult], frozen=True):
    """Create a tenant; its admin is made, or moved here where the user exists.

    A user who is made gets no password but a token, told once, that sets one. A user who exists
    leaves the old tenant and becomes admin here; the last admin of a tenant cannot leave it.
    """

    tag: ClassVar[str] = "tenant.create"
    name: str
    description: Annotated[str | None, msgspec.Meta(description="Free text on the tenant.")] = None
    admin_username: Annotated[
        str | None, msgspec.Meta(description="Who administers it: an existing user or a new one")
    ] = None
    admin_email: Annotated[
        str | None, msgspec.Meta(description="Address of the admin, where the user is made")
    ] = None

    def target(self) -> str | None:
        return str(self.name)[:256]


class GetTenantAction(OnTenant[TenantResult], frozen=True):
    """Show a tenant; an error where there is none."""

    tag: ClassVar[str] = "tenant.get"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class FindTenantAction(OnTenant[FoundTenant], frozen=True):
    """Look for a tenant by name or id; none found is no error."""

    tag: ClassVar[str] = "tenant.find"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class ListTenantsAction(Action[Page[TenantData]], frozen=True, kw_only=True):
    """List the tenants that one can see, by name, each with the number of its users."""

    tag: ClassVar[str] = "tenant.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class SearchTenantsAction(Action[Page[TenantData]], frozen=True, kw_only=True):
    """Search tenants: ``text`` is a part of the name or the description."""

    tag: ClassVar[str] = "tenant.search"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    text: str | None = None
    status: Annotated[TenantStatus | None, msgspec.Meta(description="Its status.")] = None
    isolated: Annotated[bool | None, msgspec.Meta(description="Whether its wall is closed.")] = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class UpdateTenantAction(OnTenant[TenantResult], frozen=True):
    """Change what is named of a tenant; its name and limits are the platform's to say.

    With a version, only if nobody changed it meanwhile.
    """

    tag: ClassVar[str] = "tenant.update"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    modifier: TenantModifier = TenantModifier()
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None


class SuspendTenantAction(OnTenant[TenantResult], frozen=True):
    """Stop a tenant: logins, keys, sessions and permissions of its users end at once.

    Compute sessions that run go on; nobody can start another one. Can be repeated.
    """

    tag: ClassVar[str] = "tenant.suspend"
    reason: Annotated[str | None, msgspec.Meta(description="Why; shown with the tenant")] = None


class ResumeTenantAction(OnTenant[TenantResult], frozen=True):
    """Let a suspended tenant's users in again; they have to log in anew. Can be repeated."""

    tag: ClassVar[str] = "tenant.resume"


class SetTenantIsolationAction(OnTenant[TenantResult], frozen=True):
    """Close a tenant's wall for roles and grants, or open it again. Can be repeated.

    While it is closed, grants and role assignments across it are refused, and those that exist
    have no effect.
    """

    tag: ClassVar[str] = "tenant.isolate"
    isolated: bool


class PreviewTenantDeletionAction(OnTenant[DeletionResult], frozen=True):
    """Show what deleting the tenant would remove; changes nothing."""

    tag: ClassVar[str] = "tenant.preview_delete"
    reads: ClassVar[bool] = True


class DeleteTenantAction(OnTenant[DeletionResult], frozen=True):
    """Delete a tenant for good: all its users are purged, all that it has is removed.

    The first tenant stays, as does the one of who asks. What was interrupted goes on by itself.
    """

    tag: ClassVar[str] = "tenant.delete"


class ListTenantUsersAction(OnTenant[Page[UserData]], frozen=True):
    """List the users of a tenant by username, a page at a time."""

    tag: ClassVar[str] = "tenant.list_users"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class AssignUserToTenantAction(OnTenant[UserResult], frozen=True):
    """Move a user to a tenant; groups, and what isolation forbids, stay behind. Can be repeated.

    The last admin of a tenant cannot be moved away.
    """

    tag: ClassVar[str] = "tenant.assign_user"
    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]


class AssignDatabaseToTenantAction(OnTenant[DatabaseResult], frozen=True):
    """Give a database to a tenant, also one that another tenant has. Can be repeated."""

    tag: ClassVar[str] = "tenant.assign_database"
    database: Annotated[str, msgspec.Meta(description="Name of the database")]


class ReleaseDatabaseAction(OnTenant[DatabaseResult], frozen=True):
    """Take a database from its tenant; it then belongs to none."""

    tag: ClassVar[str] = "tenant.release_database"
    database: Annotated[str, msgspec.Meta(description="Name of the database")]


class ListTenantDatabasesAction(OnTenant[Page[TenantDatabase]], frozen=True):
    """List the databases of a tenant by name, a page at a time."""

    tag: ClassVar[str] = "tenant.list_databases"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None
