"""The table of all routes, collected from the slices; light enough for clients to import."""

from tenantry.audit.routes import ROUTES as AUDIT
from tenantry.auth.routes import ROUTES as AUTH
from tenantry.jobs.routes import ROUTES as JOBS
from tenantry.users.routes import ROUTES as USERS
from tenantry.wire import Wire

API = "/api/v1"
ROUTES = (*AUTH, *USERS, *JOBS, *AUDIT)


def wire() -> Wire:
    """All bindings."""
    return Wire(ROUTES)
