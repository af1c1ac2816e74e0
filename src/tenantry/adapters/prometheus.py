"""Runs as Prometheus metrics."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from tenantry.kernel.action import Action, Run
from tenantry.kernel.monitor import RunResult


class MetricsMonitor:
    """Counts and times runs by tag and outcome; no label ever names a person or a tenant."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(
            "tenantry_action_runs", "Runs of actions", ["action", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "tenantry_action_seconds",
            "Time a run took",
            ["action"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=registry,
        )

    async def prepare(self, action: Action[Any], run: Run) -> None:
        return None

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        self._runs.labels(action.tag, result.status).inc()
        self._seconds.labels(action.tag).observe(result.duration.total_seconds())
