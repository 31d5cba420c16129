"""What is measured of the replica: how it stands, and who answered the reads."""

from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge
from app.standby.watch import State, Watch

STATES: tuple[State, ...] = get_args(State)

STATE = Gauge("annuaire_standby_state", "1 = the state of the replica", ("state",))
EDITION = Gauge("annuaire_standby_edition", "Edition that the replica holds")
LAG = Gauge("annuaire_standby_lag_seconds", "Since when the replica lacks something")


def shown(watch: Watch | None) -> Iterator[Metric]:
    """How this process sees its replica; without one the names alone."""
    yield STATE.by({(state,): watch.state == state for state in STATES} if watch else {})
    yield EDITION.at(watch.edition if watch else None)
    yield LAG.at(watch.lag if watch else None)


class Answered:
    """Counts reads of the publication where there is a replica, by who answered (app.standby.sources)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reads = Counter(
            "annuaire_standby_reads",
            "Reads of the publication that the replica answered (standby), or the primary and why",
            ["answered"],
            registry=registry,
        )

    def count(self, answered: str) -> None:
        """Count one read."""
        self._reads.labels(answered).inc()
