"""Who left the register and has no mailbox any more is forgotten: nothing is published of the person, and nobody asks.

A person whom the register closed stays while a mailbox is attached, since the row is what hides it, and while an undo
of an import may put an attachment back. Roles, skills and diplomas go with the person; whoever returns to the register
is a new row with the same number.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.settings import Settings

Connection = psycopg.Connection[Any]
PORTION = 1_000
# Of the run that closed the person; of hand-made rows nothing is known, so they stay.
FORGET = """
WITH gone AS MATERIALIZED (
  SELECT p.national_id FROM practitioner p JOIN import_run r ON r.number = p.changed_run
  WHERE p.register_state = 'closed' AND coalesce(r.applied_at, r.started_at) < %(before)s
    AND NOT EXISTS (SELECT FROM mailbox_attachment a WHERE a.practitioner = p.national_id)
    AND NOT EXISTS (SELECT FROM import_change c WHERE c.before ->> 'practitioner' = p.national_id)
  ORDER BY p.national_id LIMIT %(portion)s FOR UPDATE OF p SKIP LOCKED
),
roles AS (DELETE FROM practitioner_role x USING gone g WHERE x.practitioner = g.national_id),
skills AS (DELETE FROM skill x USING gone g WHERE x.practitioner = g.national_id),
qualifications AS (DELETE FROM qualification x USING gone g WHERE x.practitioner = g.national_id),
practices AS (DELETE FROM practice x USING gone g WHERE x.practitioner = g.national_id)
DELETE FROM practitioner p USING gone g WHERE p.national_id = g.national_id
"""


def days(settings: Settings) -> int:
    """How long the person is kept after leaving: as long as a withdrawn mailbox may be asked for or taken back."""
    return max(settings.mailbox_tombstone_days, settings.mailbox_quarantine_days, settings.import_undo_days)


def prune(connection: Connection, settings: Settings, now: datetime) -> None:
    """The duty, in portions, each a transaction."""
    given = {"before": now - timedelta(days=days(settings)), "portion": PORTION}
    while True:
        with connection.transaction():
            if connection.execute(FORGET, given).rowcount < PORTION:
                return
