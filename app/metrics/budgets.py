"""Budgets of persons: how many bound callers came today, and how many have seen all they may. Nobody is named.

`kind`: an address without a key, or a key that was issued with a budget.
"""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge, Watched

KINDS = ("anonymous", "key")
# A budget of 0 is none; the ledger writes keys by their ids, and addresses as hashes.
SQL = """
SELECT json_object_agg(b.kind, to_json(b)) FROM (
  SELECT CASE WHEN starts_with(d.caller, 'key:') THEN 'key' ELSE 'anonymous' END AS kind,
    count(*) AS callers, sum(d.seen) AS persons,
    count(*) FILTER (WHERE d.seen >= coalesce(k.budget, nullif(%(anonymous_budget)s, 0))) AS exhausted
  FROM disclosure_day d LEFT JOIN api_key k ON d.caller = 'key:' || k.id
  WHERE d.day = (now() AT TIME ZONE 'Europe/Paris')::date GROUP BY 1) b
"""

CALLERS = Gauge("annuaire_budget_callers", "Bound callers that were shown somebody today", ("kind",))
EXHAUSTED = Gauge("annuaire_budget_exhausted_callers", "Those that have seen all they may today", ("kind",))
PERSONS = Gauge("annuaire_budget_persons", "Persons shown to them today", ("kind",))


def _shown(found: Any) -> Iterator[Metric]:
    for gauge, member in ((CALLERS, "callers"), (EXHAUSTED, "exhausted"), (PERSONS, "persons")):
        yield gauge.by({(kind,): (found or {}).get(kind, {}).get(member, 0) for kind in KINDS})


WATCHED = Watched(SQL, _shown)
