"""Traces: what did not reach their receiver."""

from prometheus_client import CollectorRegistry, Counter


class SpansLost:
    """Counts spans that were dropped: too many waited, or the receiver did not take them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lost = Counter("annuaire_spans_lost", "Spans of traces that were dropped", registry=registry)

    def __call__(self, count: int) -> None:
        self._lost.inc(count)
