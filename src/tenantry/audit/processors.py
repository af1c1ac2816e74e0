"""The processors of the audit."""

from tenantry.audit.actions import (
    ApplyAuditRetentionAction,
    ListFailedLoginsAction,
    SearchAuditAction,
    ShowAuditRetentionAction,
    VerifyAuditAction,
)
from tenantry.audit.parts import AuditParts
from tenantry.kernel.processor import Runner


class AuditProcessors:
    """Runs the actions on the audit."""

    def __init__(self, *, parts: AuditParts, run: Runner) -> None:
        self.search = run(SearchAuditAction, parts.service.search)
        self.list_failed_logins = run(ListFailedLoginsAction, parts.service.list_failed_logins)
        self.verify = run(VerifyAuditAction, parts.verifier.verify)
        self.show_retention = run(ShowAuditRetentionAction, parts.retention.show)
        self.apply_retention = run(ApplyAuditRetentionAction, parts.retention.apply)
