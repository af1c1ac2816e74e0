"""How the actions on tenants are reached."""

from tenantry.kernel.route import Route
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

_TENANT = "/tenants/{tenant}"
_DATABASES = f"{_TENANT}/databases"

ROUTES = (
    Route("POST", "/tenants", CreateTenantAction, "tenant create", status=201),
    Route("GET", "/tenants", ListTenantsAction, "tenant list"),
    Route("POST", "/tenants/find", FindTenantAction, "tenant find"),
    Route("POST", "/tenants/search", SearchTenantsAction, "tenant search"),
    Route("GET", _TENANT, GetTenantAction, "tenant get"),
    Route("PATCH", _TENANT, UpdateTenantAction, "tenant update", inline="modifier"),
    Route("DELETE", _TENANT, DeleteTenantAction),
    Route("POST", f"{_TENANT}/delete/preview", PreviewTenantDeletionAction),
    Route("POST", f"{_TENANT}/suspend", SuspendTenantAction, "tenant suspend"),
    Route("POST", f"{_TENANT}/resume", ResumeTenantAction, "tenant resume"),
    Route("POST", f"{_TENANT}/isolation", SetTenantIsolationAction),
    Route("GET", f"{_TENANT}/users", ListTenantUsersAction, "tenant users"),
    Route("POST", f"{_TENANT}/users", AssignUserToTenantAction, "tenant assign-user"),
    Route("GET", _DATABASES, ListTenantDatabasesAction, "tenant databases"),
    Route("POST", _DATABASES, AssignDatabaseToTenantAction, "tenant assign-database"),
    Route("DELETE", f"{_DATABASES}/{{database}}", ReleaseDatabaseAction, "tenant release-database"),
)
