"""Runs as JSON lines in the log."""

import json
import logging
from typing import Any

from tenantry.kernel.action import Action, Run
from tenantry.kernel.monitor import RunResult

logger = logging.getLogger("tenantry.actions")


class LogMonitor:
    """One JSON line a run, without the action's fields, so without secrets."""

    async def prepare(self, action: Action[Any], run: Run) -> None:
        logger.debug(
            "%s", json.dumps({"event": "started", "action": action.tag, "id": str(run.id)})
        )

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        line = {
            "event": "action",
            "action": action.tag,
            "id": str(result.action_id),
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
        logger.info("%s", json.dumps(line))
