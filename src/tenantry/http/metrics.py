"""Requests as Prometheus metrics: rate, errors, duration. No label ever names a person."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# A client can invent methods, and every label value lives as long as the process.
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)


class HttpMetrics:
    """Counts and times requests by route template, method and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tenantry_http_requests",
            "Requests answered",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "tenantry_http_request_seconds",
            "Time from a request's headers to the end of its answer",
            ["route", "method"],
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=registry,
        )
        self._in_flight = Gauge(
            "tenantry_http_requests_in_flight", "Requests being answered", registry=registry
        )

    def started(self) -> None:
        """A request has come in."""
        self._in_flight.inc()

    def answered(self, route: str) -> Callable[[float], None]:
        """What counts answers of 200 to POST on this route, each with its seconds."""
        requests = self._requests.labels(route, "POST", "200")
        seconds = self._seconds.labels(route, "POST")

        def count(took: float) -> None:
            requests.inc()
            seconds.observe(took)

        return count

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request has been answered, or its connection was lost."""
        known = method if method in _METHODS else "other"
        self._in_flight.dec()
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route, known).observe(seconds)
