"""Requests by route: how many, how they ended, how long they took (rate, errors, duration)."""

from prometheus_client import CollectorRegistry, Counter, Histogram

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Requests:
    """The counters of one app, in a registry of its own, so that several apps may live in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "annuaire_http_requests", "Requests by route template", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "annuaire_http_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. Labels must stay few, so a method that we do not serve is `other`."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
