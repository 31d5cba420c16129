"""The worker's daily duties in the trust space: what ends soon is told, and whose file is whole is admitted.

A document, an exception or a certificate is announced 90, 30 and 7 days ahead, once each; whoever was told nothing for
a while (no worker ran, the document came late) is told once, for the nearest of them. What an operator replaced in time
is not announced: of several documents of a kind the one that reaches furthest counts.
"""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from app.settings import Settings
from app.trust.operators import admitted, audit_state, locked

Connection = psycopg.Connection[Any]
AHEAD = (7, 30, 90)
FRANCE = ZoneInfo("Europe/Paris")
# A listed operator has no file here; an exception matters while something is missing; a name alone has no end.
ANNOUNCE = """
WITH ending AS (
  SELECT d.operator, 'conformity.expires' AS code, 'conformity' AS kind, d.kind AS key, max(d.expires_on) AS ends
  FROM conformity_document d WHERE conformity_waiver(d.operator) IS DISTINCT FROM 'white list'
  GROUP BY d.operator, d.kind
  UNION ALL
  SELECT e.operator, 'conformity.expires', 'conformity', 'exception', max(e.expires_on) FROM conformity_exception e
  WHERE EXISTS (SELECT FROM conformity_piece p WHERE p.operator = e.operator AND p.state <> 'in_force')
  GROUP BY e.operator
  UNION ALL
  SELECT c.operator, 'certificate.expires', 'certificate', c.dn, (c.expires_at AT TIME ZONE 'Europe/Paris')::date
  FROM operator_certificate c WHERE c.expires_at IS NOT NULL
),
due AS (
  SELECT n.operator, n.code, n.kind, n.key, n.ends, min(a.ahead) AS ahead
  FROM ending n
  JOIN operator o ON o.id = n.operator AND o.state <> 'left'
  JOIN unnest(%(ahead)s::integer[]) AS a (ahead) ON n.ends - %(today)s::date BETWEEN 0 AND a.ahead
  GROUP BY n.operator, n.code, n.kind, n.key, n.ends
)
INSERT INTO notice (operator, code, kind, key, detail)
SELECT d.operator, d.code, d.kind, d.key, json_build_object('ahead', d.ahead, 'expires_on', d.ends)::text
FROM due d
WHERE NOT EXISTS (
  SELECT FROM notice t WHERE (t.operator, t.code, t.kind, t.key) = (d.operator, d.code, d.kind, d.key)
    AND t.detail::json ->> 'expires_on' = d.ends::text AND (t.detail::json ->> 'ahead')::integer <= d.ahead)
ORDER BY d.operator, d.code, d.key
"""
CANDIDATES = """
SELECT o.id FROM operator o
WHERE o.state = 'candidate' AND NOT EXISTS (SELECT FROM publishing_fault(o.id)) ORDER BY o.id
"""


def announce(connection: Connection, settings: Settings, now: datetime) -> None:  # noqa: ARG001 - the form of a duty
    """Tell operators what ends soon, as seen on the day of `now`."""
    with connection.transaction():
        connection.execute(ANNOUNCE, {"today": _day(now), "ahead": list(AHEAD)})


def admit_complete(connection: Connection, settings: Settings, now: datetime) -> None:  # noqa: ARG001 - see above
    """Make candidates active of whom nothing is missing any more: their last document begins, or a list names them."""
    for (operator,) in connection.execute(CANDIDATES).fetchall():
        with connection.transaction():
            with connection.cursor(row_factory=dict_row) as cursor:
                before = locked(cursor, operator)
                after = admitted(cursor, operator)
            if after:
                audit_state(connection, before, after, "nothing is missing any more")


def _day(now: datetime) -> date:
    return now.astimezone(FRANCE).date()
