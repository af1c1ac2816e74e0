"""How the audit is reached."""

from tenantry.audit.actions import (
    ApplyAuditRetentionAction,
    ListFailedLoginsAction,
    SearchAuditAction,
    ShowAuditRetentionAction,
    VerifyAuditAction,
)
from tenantry.kernel.route import Route

ROUTES = (
    Route("GET", "/audit", SearchAuditAction, "audit search"),
    Route("GET", "/audit/failed-logins", ListFailedLoginsAction, "audit failed-logins"),
    Route("GET", "/audit/verification", VerifyAuditAction),
    Route("GET", "/audit/retention", ShowAuditRetentionAction),
    Route("POST", "/audit/retention", ApplyAuditRetentionAction),
)
