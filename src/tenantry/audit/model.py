"""Audit entries: one for every change, denial and failure."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.kernel.action import Outcome
from tenantry.record import Record


class AuditEntry(Record, frozen=True, kw_only=True):
    """Who did what to what, when, from where and with which outcome.

    ``changes`` maps a field to ``[before, after]``; secrets are masked.
    """

    id: UUID
    timestamp: datetime
    run_id: UUID
    tenant_id: UUID
    action: str
    outcome: Outcome
    reason: str | None
    actor: str
    actor_id: UUID | None
    target: str | None
    target_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    face: str
    changes: dict[str, Any]  # Any: values of any field

    @property
    def success(self) -> bool:
        """Whether the run did what was asked."""
        return self.outcome is Outcome.SUCCEEDED
