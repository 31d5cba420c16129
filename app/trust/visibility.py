"""What a change of the trust space takes out of sight goes at once, however much it is; what it brings may follow."""

from typing import Any, Literal

import psycopg

# publish() defers a wide change of a domain or an operator; mailboxes that are named themselves are never deferred.
AT_ONCE = """
SELECT publish(array_agg(x.kind), array_agg(x.key)) FROM (
  SELECT %(kind)s AS kind, %(key)s AS key
  UNION ALL
  SELECT DISTINCT 'mailbox', d.to_key FROM dependent d
  WHERE d.kind = %(kind)s AND d.key = %(key)s AND d.to_kind = 'mailbox'
    AND NOT EXISTS (SELECT FROM visible_attachment v WHERE v.address = d.to_key)) x
"""


def publish_at_once(cursor: psycopg.Cursor[Any], kind: Literal["domain", "operator"], key: str) -> None:
    """Publish a change of a domain or an operator: hidden mailboxes now, others now or, if they are many, soon."""
    cursor.execute(AT_ONCE, {"kind": kind, "key": key})
