"""The account manager's operations on tenants, their users and their databases."""

from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    AssignUserToTenantAction,
    CreateTenantAction,
    DeleteTenantAction,
    FindTenantAction,
    ListTenantDatabasesAction,
    ListTenantsAction,
    ListTenantUsersAction,
    PreviewTenantDeletionAction,
    ReleaseDatabaseAction,
    ResumeTenantAction,
    SearchTenantsAction,
    SetTenantIsolationAction,
    SuspendTenantAction,
    UpdateTenantAction,
)
from tenantry.tenants.model import CreatedTenant, DeletionReceipt, TenantData, TenantDatabase
from tenantry.users.model import UserData


class TenantOperations(Operations):
    """What an account manager can do with tenants, which are named by name or by id."""

    async def create_tenant(
        self,
        name: str,
        description: str | None = None,
        admin_username: str | None = None,
        *,
        admin_email: str | None = None,
    ) -> CreatedTenant:
        """Create a tenant; a user who exists moves there and administers it, another is made.

        For a user who is made, ``admin_token`` of the answer sets the first password, by
        reset_password(); it is told this once.
        """
        action = self._action(
            CreateTenantAction,
            name=name,
            description=description,
            admin_username=admin_username,
            admin_email=admin_email,
        )
        return (await self._run(action)).data

    async def get_tenant(self, name: str) -> TenantData | None:
        """The tenant of this name or id; None where there is none (or none one may see)."""
        return (await self._run(FindTenantAction(name))).data

    async def list_tenants(self) -> AsyncPages[TenantData]:
        """All tenants that one may see, by name, each with the number of its users."""
        return await self._walk(lambda cursor: ListTenantsAction(limit=PAGE_SIZE, cursor=cursor))

    async def search_tenants(
        self, text: str | None = None, *, status: str | None = None, isolated: bool | None = None
    ) -> AsyncPages[TenantData]:
        """Tenants of which all holds; ``text`` is a part of the name or the description."""
        return await self._walk(
            lambda cursor: self._action(
                SearchTenantsAction,
                text=text,
                status=status,
                isolated=isolated,
                limit=PAGE_SIZE,
                cursor=cursor,
            )
        )

    async def update_tenant(self, tenant: str, /, **fields: object) -> TenantData:
        """Change ``name``, ``description``, ``max_users`` or ``max_databases``; None clears.

        ``version=`` (from the tenant as read) refuses the change if somebody else was faster.
        """
        return (await self._run(self._action(UpdateTenantAction, tenant=tenant, **fields))).data

    async def suspend_tenant(self, tenant: str, reason: str | None = None) -> TenantData:
        """Stop a tenant: its users' logins, keys and sessions end at once. May be repeated."""
        return (await self._run(SuspendTenantAction(tenant, reason))).data

    async def resume_tenant(self, tenant: str) -> TenantData:
        """Let a suspended tenant's users in again; they have to log in anew."""
        return (await self._run(ResumeTenantAction(tenant))).data

    async def set_tenant_isolation(self, tenant: str, isolated: bool) -> TenantData:  # noqa: FBT001 - the guide's name
        """Close a tenant's wall for roles and grants, or open it again. May be repeated."""
        action = self._action(SetTenantIsolationAction, tenant=tenant, isolated=isolated)
        return (await self._run(action)).data

    async def preview_delete_tenant(self, tenant: str) -> DeletionReceipt:
        """What delete_tenant() would remove and keep; changes nothing."""
        return (await self._run(PreviewTenantDeletionAction(tenant))).data

    async def delete_tenant(self, tenant: str) -> DeletionReceipt:
        """Delete a tenant for good, with all its users and all that it has.

        Where the receipt is not ``done``, a job goes on with it.
        """
        return (await self._run(DeleteTenantAction(tenant))).data

    async def assign_user_to_tenant(self, username: str, tenant: str) -> UserData:
        """Move a user to a tenant; groups, and what isolation forbids, stay behind."""
        return (await self._run(AssignUserToTenantAction(tenant, username))).data

    async def get_tenant_users(self, tenant: str) -> AsyncPages[UserData]:
        """The users of a tenant, its admins included, by username."""
        return await self._walk(
            lambda cursor: ListTenantUsersAction(tenant, limit=PAGE_SIZE, cursor=cursor)
        )

    async def assign_database_to_tenant(self, database: str, tenant: str) -> TenantDatabase | None:
        """Give a database to a tenant, also one that another tenant has."""
        return (await self._run(AssignDatabaseToTenantAction(tenant, database))).data

    async def release_database(self, database: str, tenant: str) -> None:
        """Take a database from its tenant; it then belongs to none."""
        await self._run(ReleaseDatabaseAction(tenant, database))

    async def get_tenant_databases(self, tenant: str) -> AsyncPages[TenantDatabase]:
        """The databases of a tenant, by name."""
        return await self._walk(
            lambda cursor: ListTenantDatabasesAction(tenant, limit=PAGE_SIZE, cursor=cursor)
        )
