"""A job, and when it is tried again."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from tenantry.record import Record


class JobState(StrEnum):
    """A stuck job has failed too often; somebody must look and retry it."""

    PENDING = "pending"
    STUCK = "stuck"
    DONE = "done"


class Job(Record, frozen=True, kw_only=True):
    """A promised effect. ``progress`` holds what is done of it, ``receipt`` what came of it."""

    id: UUID
    kind: str
    tenant_id: UUID
    subject_id: UUID | None
    payload: dict[str, Any]  # Any: each kind has a payload of its own
    progress: dict[str, Any]  # Any: likewise
    receipt: dict[str, Any] | None  # Any: likewise
    state: JobState
    attempts: int
    run_at: datetime
    error: str | None
    created_at: datetime
    ended_at: datetime | None


MAX_ATTEMPTS = 8
LEASE = timedelta(minutes=2)
"""How long a worker may be silent before another one takes its job over."""


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: 1 s, doubling, at most 5 minutes."""
    doublings = min(attempts - 1, 20)  # as what fails for days would be too long for a number
    return min(timedelta(seconds=2**doublings), timedelta(minutes=5))
