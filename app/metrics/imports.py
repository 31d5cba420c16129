"""Imports: the last run of each source that ended, and the one that runs, if any.

Whether one runs is told by the importer's lock: the record of a run that was killed looks like one that goes on.
"""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge, Watched

STATES = ("planned", "applied", "refused", "undone", "failed")
STAGES = ("receive", "read", "compare", "apply", "publish", "tidy")
PHASES = ("reading", "comparing", "applying", "undoing", "publishing")
OTHER = "other"

# 8: IMPORT_LOCK of app.imports.pipeline, as pg_locks shows a key of one bigint.
SQL = """
SELECT json_build_object(
  'last', (SELECT json_agg(to_json(l)) FROM (
    SELECT DISTINCT ON (r.source) r.source, r.state, r.stages, r.lines_accepted AS accepted,
      r.lines_rejected AS rejected, r.lines_blank AS blank, seconds_since(r.finished_at) AS ended
    FROM import_run r WHERE r.finished_at IS NOT NULL ORDER BY r.source, r.number DESC) l),
  'applied', (SELECT json_object_agg(a.source, a.age) FROM (
    SELECT r.source, seconds_since(max(r.applied_at)) AS age
    FROM import_run r WHERE r.state = 'applied' GROUP BY r.source) a),
  'waiting', (SELECT count(*) FROM import_run r WHERE r.wish IS NOT NULL AND r.effective_at IS NULL),
  'running', (SELECT json_build_object('source', r.source, 'phase', r.phase, 'age', seconds_since(r.started_at),
      'share', r.progress -> 'share')
    FROM import_run r
    WHERE r.finished_at IS NULL AND r.state IN ('running', 'failed') AND EXISTS (
      SELECT FROM pg_locks k JOIN pg_database d ON d.oid = k.database AND d.datname = current_database()
      WHERE k.locktype = 'advisory' AND k.classid = 0 AND k.objid = 8 AND k.objsubid = 1 AND k.granted)
    ORDER BY r.number DESC LIMIT 1))
"""

STATE = Gauge("annuaire_import_state", "1 = how the last run of a source ended", ("source", "state"))
ENDED = Gauge("annuaire_import_ended_seconds", "Since the last run of a source ended", ("source",))
APPLIED = Gauge("annuaire_import_applied_seconds", "Since a file of a source was last applied", ("source",))
STAGE = Gauge("annuaire_import_stage_seconds", "What a stage of the last run took", ("source", "stage"))
LINES = Gauge("annuaire_import_lines", "Lines of the last run, by what became of them", ("source", "outcome"))
WAITING = Gauge("annuaire_imports_waiting", "Runs that a worker is asked for and has not done")
RUNNING = Gauge("annuaire_import_running_seconds", "Since the run that goes on began", ("source", "phase"))
SHARE = Gauge("annuaire_import_running_share", "How much of its phase is done, 0 to 1", ("source",))


def _shown(found: Any) -> Iterator[Metric]:
    last, running = found["last"] or [], found["running"]
    yield STATE.by({(each["source"], state): each["state"] == state for each in last for state in STATES})
    yield ENDED.by({(each["source"],): each["ended"] for each in last})
    yield APPLIED.by({(source,): age for source, age in (found["applied"] or {}).items()})
    yield STAGE.by({(each["source"], stage): each["stages"].get(stage) for each in last for stage in STAGES})
    outcomes = ("accepted", "rejected", "blank")
    yield LINES.by({(each["source"], outcome): each[outcome] for each in last for outcome in outcomes})
    yield WAITING.at(found["waiting"])
    if running is None:
        yield RUNNING.by({})
        yield SHARE.by({})
    else:
        phase = running["phase"] if running["phase"] in PHASES else OTHER
        yield RUNNING.by({(running["source"], phase): running["age"]})
        yield SHARE.by({(running["source"],): running["share"]})


WATCHED = Watched(SQL, _shown)
