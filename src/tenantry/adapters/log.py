"""Runs in the log."""

import logging
from typing import Any

from tenantry.kernel.action import Action, Run
from tenantry.kernel.monitor import RunResult

logger = logging.getLogger("tenantry.actions")


class LogMonitor:
    """One record a run, its particulars as ``fields``; never the action's own, so no secrets."""

    async def prepare(self, action: Action[Any], run: Run) -> None:
        fields = {"event": "started", "action": action.tag, "run_id": str(run.id)}
        logger.debug("%s started", action.tag, extra={"fields": fields})

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        fields = {
            "event": "ended",
            "action": action.tag,
            "run_id": str(result.action_id),
            "outcome": result.status,
            "error_code": result.error_code,
            "target": result.entity_id,
            "actor": run.actor.name,
            "actor_id": str(run.actor.id) if run.actor.id else None,
            "face": run.origin.face,
            "address": run.origin.address,
            "request_id": run.origin.request_id,
            "started_at": result.started_at.isoformat(),
            "milliseconds": round(result.duration.total_seconds() * 1000, 3),
        }
        logger.info("%s %s", action.tag, result.status, extra={"fields": fields})
