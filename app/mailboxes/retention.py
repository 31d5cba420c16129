"""What writes leave behind and nobody needs for ever: tombstones, withdrawn mailboxes, answers kept for a retry."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.settings import Settings

Connection = psycopg.Connection[Any]

# Rows of one transaction: nobody waits for it long.
PORTION = 1_000
# The public tombstone of an address: after this it answers like one that never was.
TOMBSTONES = """
DELETE FROM withdrawn WHERE ctid = ANY (ARRAY(
  SELECT w.ctid FROM withdrawn w WHERE w.since <= %(before)s LIMIT %(portion)s))
"""
# The registry's row holds the address back for its former holder; afterwards it is somebody's data without a use.
WITHDRAWN = """
WITH gone AS MATERIALIZED (
  SELECT m.address FROM mailbox m
  WHERE m.state = 'withdrawn' AND coalesce(m.withdrawn_at, m.updated_at) <= %(before)s
  ORDER BY m.address LIMIT %(portion)s FOR UPDATE SKIP LOCKED
),
detached AS (DELETE FROM mailbox_attachment a USING gone g WHERE a.address = g.address)
DELETE FROM mailbox m USING gone g WHERE m.address = g.address
"""
ANSWERS = """
DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
  SELECT k.ctid FROM idempotency_key k WHERE k.recorded_at <= %(before)s LIMIT %(portion)s))
"""


def prune(connection: Connection, settings: Settings, now: datetime) -> None:
    """Remove what is older than its setting. A withdrawn mailbox stays while an undo of an import may need it, too."""
    _remove(connection, ANSWERS, now - timedelta(hours=settings.idempotency_hours))
    _remove(connection, TOMBSTONES, now - timedelta(days=settings.mailbox_tombstone_days))
    kept = max(settings.mailbox_tombstone_days, settings.mailbox_quarantine_days, settings.import_undo_days)
    _remove(connection, WITHDRAWN, now - timedelta(days=kept))


def _remove(connection: Connection, statement: str, before: datetime) -> None:
    while True:
        with connection.transaction():
            removed = connection.execute(statement.encode(), {"before": before, "portion": PORTION}).rowcount
        if removed < PORTION:
            return
