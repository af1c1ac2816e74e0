"""The table of all routes, collected from the slices; light enough for clients to import."""

from tenantry.access_keys.routes import ROUTES as ACCESS_KEYS
from tenantry.audit.routes import ROUTES as AUDIT
from tenantry.auth.routes import ROUTES as AUTH
from tenantry.compute.routes import ROUTES as COMPUTE
from tenantry.databases.routes import ROUTES as DATABASES
from tenantry.grants.routes import ROUTES as GRANTS
from tenantry.groups.routes import ROUTES as GROUPS
from tenantry.jobs.routes import ROUTES as JOBS
from tenantry.lockout.routes import ROUTES as LOCKOUT
from tenantry.password_policies.routes import ROUTES as PASSWORD_POLICIES
from tenantry.resets.routes import ROUTES as RESETS
from tenantry.resources.routes import ROUTES as RESOURCES
from tenantry.roles.routes import ROUTES as ROLES
from tenantry.second_factor.routes import ROUTES as SECOND_FACTOR
from tenantry.sessions.routes import ROUTES as SESSIONS
from tenantry.storage.routes import ROUTES as STORAGE
from tenantry.tenants.routes import ROUTES as TENANTS
from tenantry.users.routes import ROUTES as USERS
from tenantry.wire import Wire

API = "/api/v1"
ROUTES = (
    *AUTH,
    *SESSIONS,
    *USERS,
    *LOCKOUT,
    *TENANTS,
    *GROUPS,
    *ROLES,
    *GRANTS,
    *ACCESS_KEYS,
    *SECOND_FACTOR,
    *RESETS,
    *PASSWORD_POLICIES,
    *RESOURCES,
    *STORAGE,
    *COMPUTE,
    *DATABASES,
    *JOBS,
    *AUDIT,
)


def wire() -> Wire:
    """All bindings."""
    return Wire(ROUTES)
