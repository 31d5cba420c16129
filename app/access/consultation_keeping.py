"""The consultation log read by those who answer for it, and pruned by the worker."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.settings import Settings

Connection = psycopg.Connection[Any]
AT_ONCE = 10_000
# Numbers grow with time: those of a portion are one range of the primary key, so that no index by time is needed.
PRUNE = """
WITH portion AS (SELECT id, at FROM consultation WHERE id >= %(first)s ORDER BY id LIMIT %(rows)s),
gone AS (DELETE FROM consultation c USING portion p WHERE c.id = p.id AND p.at < %(until)s RETURNING c.id)
SELECT (SELECT max(id) FROM portion), (SELECT count(*) FROM gone), (SELECT count(*) FROM portion)
"""
LISTED = """
SELECT c.id, c.at, c.caller, c.route, c.status, c.shown, c.request_id FROM consultation c
WHERE (%(caller)s::text IS NULL OR c.caller = %(caller)s) AND c.id < %(before)s ORDER BY c.id DESC LIMIT %(rows)s
"""


def prune(connection: Connection, settings: Settings, now: datetime) -> None:
    """The duty: delete what is older than the setting allows, in portions of AT_ONCE rows, each a transaction."""
    until, first = now - timedelta(days=settings.consultation_days), 0
    while True:
        row = connection.execute(PRUNE, {"first": first, "rows": AT_ONCE, "until": until}).fetchone()
        last, gone, seen = row or (None, 0, 0)
        # Several processes write: their rows stand in the order of time but for seconds. A portion of which nothing is
        # old ends it.
        if last is None or not gone or seen < AT_ONCE:
            return
        first = last + 1


def consultations(connection: Connection, caller: str | None, before: int, rows: int) -> list[dict[str, Any]]:
    """At most `rows` reads with a number below `before`, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LISTED, {"caller": caller, "before": before, "rows": rows}).fetchall()
