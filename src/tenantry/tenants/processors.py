"""The processors of tenants."""

from tenantry.kernel.processor import Runner
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    AssignUserToTenantAction,
    CreateTenantAction,
    DeleteTenantAction,
    FindTenantAction,
    GetTenantAction,
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
from tenantry.tenants.deletion import TenantDeletion
from tenantry.tenants.membership import TenantMembership
from tenantry.tenants.service import TenantService


class TenantProcessors:
    """Runs the actions on tenants."""

    def __init__(
        self,
        *,
        tenant_service: TenantService,
        membership: TenantMembership,
        deletion: TenantDeletion,
        run: Runner,
    ) -> None:
        self.create_tenant = run(CreateTenantAction, membership.create_tenant)
        self.get_tenant = run(GetTenantAction, tenant_service.get_tenant)
        self.find_tenant = run(FindTenantAction, tenant_service.find_tenant)
        self.list_tenants = run(ListTenantsAction, tenant_service.list_tenants)
        self.search_tenants = run(SearchTenantsAction, tenant_service.search_tenants)
        self.update_tenant = run(UpdateTenantAction, tenant_service.update_tenant)
        self.suspend_tenant = run(SuspendTenantAction, tenant_service.suspend_tenant)
        self.resume_tenant = run(ResumeTenantAction, tenant_service.resume_tenant)
        self.set_isolation = run(SetTenantIsolationAction, tenant_service.set_isolation)
        self.preview_deletion = run(PreviewTenantDeletionAction, deletion.preview)
        self.delete_tenant = run(DeleteTenantAction, deletion.delete_tenant)
        self.list_users = run(ListTenantUsersAction, membership.list_users)
        self.assign_user = run(AssignUserToTenantAction, membership.assign_user)
        self.assign_database = run(AssignDatabaseToTenantAction, tenant_service.assign_database)
        self.release_database = run(ReleaseDatabaseAction, tenant_service.release_database)
        self.list_databases = run(ListTenantDatabasesAction, tenant_service.list_databases)
