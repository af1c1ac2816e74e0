"""Runs, and figures of the state of things, as Prometheus metrics."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tenantry.changes.feed import ChangeFeed
from tenantry.databases.model import DriftKind
from tenantry.databases.ports import ServerFigures
from tenantry.errors import TenantryError
from tenantry.kernel.action import Action, Run
from tenantry.kernel.monitor import RunResult

logger = logging.getLogger(__name__)

FIGURES = {
    "audit_unsealed_entries": "Audit entries that no seal covers yet",
    "audit_seal_age_seconds": "Time since the last seal of the audit",
    "locked_accounts": "Accounts that are locked",
    "throttled_subjects": "Accounts and networks that have no login attempts left",
    "pending_jobs": "Jobs that are to be done",
    "stuck_jobs": "Jobs that failed too often and wait for somebody",
    "oldest_job_seconds": "Age of the oldest job that is not done",
}
LOOK_UP_SECONDS = 2.0
Source = Callable[[], Awaitable[Mapping[str, float]]]
ServersSource = Callable[[], Awaitable[Sequence[ServerFigures]]]
Found = TypeVar("Found")


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


class Figures:
    """Gauges that are looked up when somebody asks for the metrics.

    What cannot be looked up is not a number: an old figure must not pass for a new one.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        sources: Mapping[Source, tuple[str, ...]],
        servers: ServersSource,
    ) -> None:
        self._sources = sources
        self._servers = ServerGauges(registry)
        self._servers_source = servers
        self._gauges = {
            name: Gauge(f"tenantry_{name}", FIGURES[name], registry=registry)
            for names in sources.values()
            for name in names
        }
        self._looking = asyncio.Lock()

    async def look_up(self) -> None:
        """Ask all sources; one after the other, however many ask."""
        async with self._looking:
            for source, names in self._sources.items():
                found = await self._ask(source) or {}
                for name in names:
                    self._gauges[name].set(found.get(name, math.nan))
            self._servers.tell(await self._ask(self._servers_source) or ())

    async def _ask(self, source: Callable[[], Awaitable[Found]]) -> Found | None:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                return await source()
        except (TenantryError, TimeoutError) as error:
            logger.warning("figures for the metrics cannot be looked up: %s", error)
            return None


class ServerGauges:
    """How far the servers of managed databases obey, by database; one that is gone has none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._drift = Gauge(
            "tenantry_database_drift",
            "Differences between what is granted and what the server enforces",
            ["database", "kind"],
            registry=registry,
        )
        self._failing = Gauge(
            "tenantry_database_failing_seconds",
            "For how long the server could not be made to follow; 0 where it does",
            ["database"],
            registry=registry,
        )
        self._compared = Gauge(
            "tenantry_database_compared_seconds",
            "Time since the server was last compared with what is granted",
            ["database"],
            registry=registry,
        )

    def tell(self, servers: Sequence[ServerFigures]) -> None:
        """Forget what was told before, and tell this."""
        for gauge in (self._drift, self._failing, self._compared):
            gauge.clear()
        for one in servers:
            for kind in DriftKind:
                self._drift.labels(one.database, kind.value).set(one.drift.get(kind.value, 0))
            self._failing.labels(one.database).set(one.failing_seconds or 0)
            if one.compared_seconds is not None:
                self._compared.labels(one.database).set(one.compared_seconds)


def watch_feed(registry: CollectorRegistry, feed: ChangeFeed) -> None:
    """Tell how far this process has followed the log of changes, when the metrics are read."""
    told: dict[str, tuple[str, Callable[[], float]]] = {
        "head": ("Latest change that decides on access, as far as is known", lambda: feed.head),
        "applied": ("Change that all answers from memory know of", lambda: feed.applied),
        "seconds_since_confirmed": (
            "How old an answer from memory could be now",
            lambda: feed.seconds_since_confirmed,
        ),
        "bound_seconds": (
            "How old it may be; beyond that the database is asked",
            lambda: feed.bound,
        ),
    }
    for name, (meaning, value) in told.items():
        gauge = Gauge(f"tenantry_changes_{name}", meaning, registry=registry)
        gauge.set_function(value)
