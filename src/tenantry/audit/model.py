"""Audit entries: one for every change, denial and failure."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.kernel.action import Outcome
from tenantry.record import Record


class AuditEntry(Record, frozen=True, kw_only=True):
    """Who did what to what, when, from where and with which outcome.

    ``username`` is the user whom the entry is about, by the present name, else who did it.
    ``changes`` maps a field to ``[before, after]``; secrets are masked. Of a purged person a
    pseudonym is left, and no address, user agent or changed value.
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
    person_id: UUID | None = None
    username: str | None = None

    @property
    def success(self) -> bool:
        """Whether the run did what was asked."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def detail(self) -> str:
        """Reason and changes in a line for people; empty where there is neither."""
        changed = [f"{name}: {_shown(pair)}" for name, pair in self.changes.items()]
        return "; ".join([*([self.reason] if self.reason else []), *changed])


class FailedLogin(Record, frozen=True, kw_only=True):
    """A login that was refused, and why: ``wrong_password``, ``locked`` and so on.

    ``username`` is the user's present name, or what was typed where nobody has that name.
    """

    id: UUID
    timestamp: datetime
    username: str
    user_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    reason: str


def _shown(pair: Any) -> str:  # Any: of any field
    before, after = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
    return f"{before!r} to {after!r}"
