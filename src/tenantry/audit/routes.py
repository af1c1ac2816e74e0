"""How the audit is reached."""

from tenantry.audit.actions import SearchAuditAction
from tenantry.kernel.route import Route

ROUTES = (Route("GET", "/audit", SearchAuditAction, "audit search"),)
