"""Operators are told 30 and 7 days before a key or a certificate of theirs ends.

Notices `key.expires` and `certificate.expires`, with `{"expires_at", "days"}`.
A key whose successor is in force is not announced, nor a certificate of which a later one of the same name was used.
Each is announced once for each of the two days, however often the duty is done.
"""

from datetime import datetime
from typing import Any

import psycopg

from app.settings import Settings

ANNOUNCE = """
WITH ending AS (
  SELECT k.operator, 'key.expires' AS code, 'key' AS kind, k.id AS key, k.expires_at
  FROM api_key k
  WHERE k.operator IS NOT NULL AND k.revoked_at IS NULL AND NOT EXISTS (
    SELECT FROM api_key s WHERE s.replaces = k.id AND s.revoked_at IS NULL AND s.expires_at > k.expires_at)
  UNION ALL
  SELECT o.operator, 'certificate.expires', 'certificate', c.dn, max(c.expires_at)
  FROM client_certificate c JOIN operator_certificate o ON o.dn = c.dn GROUP BY o.operator, c.dn
),
due AS (
  SELECT e.operator, e.code, e.kind, e.key, json_build_object('expires_at', utc_text(e.expires_at), 'days',
    CASE WHEN e.expires_at <= %(now)s + interval '7 days' THEN 7 ELSE 30 END)::text AS detail
  FROM ending e WHERE e.expires_at > %(now)s AND e.expires_at <= %(now)s + interval '30 days'
)
INSERT INTO notice (operator, code, kind, key, detail)
SELECT d.* FROM due d WHERE NOT EXISTS (
  SELECT FROM notice n
  WHERE n.operator = d.operator AND n.code = d.code AND n.key = d.key AND n.detail = d.detail)
ORDER BY d.operator, d.code, d.key
"""


def announce(connection: psycopg.Connection[Any], _: Settings, now: datetime) -> None:
    """Tell the operators concerned. One statement: whoever is killed on the way told everybody or nobody."""
    connection.execute(ANNOUNCE, {"now": now})
