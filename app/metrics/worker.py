"""The worker has no port: what it does stands in the database, and so does the minute in which it was last alive.

Its own loop of duties notes that minute (app.duties.catalogue), so that a worker which runs and does nothing is seen.
"""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge, Watched

HEARTBEAT = "say that the worker is alive"
SQL = f"""
SELECT json_build_object(
  'seen', (SELECT seconds_since(d.done_at) FROM duty d WHERE d.name = '{HEARTBEAT}'),
  'failing', (SELECT count(*) FROM duty d WHERE d.failed_at IS NOT NULL))
"""  # noqa: S608 - our own words

SEEN = Gauge("annuaire_worker_seen_seconds", "Since a worker was last alive")
FAILING = Gauge("annuaire_duties_failing", "Duties of the worker that failed and are tried again")


def _shown(found: Any) -> Iterator[Metric]:
    # A worker that never was has been away for ever.
    yield SEEN.at(float("inf") if found["seen"] is None else found["seen"])
    yield FAILING.at(found["failing"])


WATCHED = Watched(SQL, _shown)
