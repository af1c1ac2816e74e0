"""Monitors watch every run: the log, the metrics and the audit are such."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from tenantry.kernel.action import Action, Outcome, Run


@dataclass(frozen=True, slots=True)
class RunResult:
    """What is known of a run once it has ended. ``entity_id`` is what the action was about."""

    action_id: UUID
    entity_id: str | None
    status: Outcome
    description: str
    started_at: datetime
    ended_at: datetime
    duration: timedelta
    error_code: str | None = None


class ActionMonitor(Protocol):
    """Told before and after every run. What it raises is logged and breaks nothing."""

    async def prepare(self, action: Action[Any], run: Run) -> None: ...

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None: ...
