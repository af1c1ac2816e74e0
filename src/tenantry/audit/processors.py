"""The processors of the audit."""

from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.service import AuditService
from tenantry.kernel.processor import Runner


class AuditProcessors:
    """Runs the actions on the audit."""

    def __init__(self, *, audit_service: AuditService, run: Runner) -> None:
        self.search = run(SearchAuditAction, audit_service.search)
