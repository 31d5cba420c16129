"""The audit trail: how long it is, and how old the last root is that was kept elsewhere (app.access.audit_roots)."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge, Watched

# The duty that keeps the root (app.duties.catalogue).
ANCHORING = "keep the root of the audit trail"
SQL = f"""
SELECT json_build_object('rows', (SELECT h.count FROM audit_head h),
  'anchored', (SELECT seconds_since(d.done_at) FROM duty d
    WHERE d.name = '{ANCHORING}' AND %(is_anchored)s))
"""  # noqa: S608 - our own words

ROWS = Gauge("annuaire_audit_rows", "Acts in the audit trail")
ANCHORED = Gauge("annuaire_audit_anchored_seconds", "Since its root was last kept elsewhere")


def _shown(found: Any) -> Iterator[Metric]:
    yield ROWS.at(found["rows"])
    yield ANCHORED.at(found["anchored"])


WATCHED = Watched(SQL, _shown)
