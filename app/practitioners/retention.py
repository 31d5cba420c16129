"""Who left the register and has no mailbox any more is forgotten, but for the number and that it is closed.

That much stays for good: a line of another file that names the number later would else be taken for somebody whom the
register does not know yet, and be published. Everything stays while a mailbox is attached, and while an undo of an
import may put an attachment back. Whoever returns to the register comes with the lines of that day.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.settings import Settings

Connection = psycopg.Connection[Any]
PORTION = 1_000
# By the run that closed the person; of hand-made rows nothing is known. Whoever has a name has a practice.
FORGET = """
WITH gone AS MATERIALIZED (
  SELECT p.national_id FROM practitioner p JOIN import_run r ON r.number = p.changed_run
  WHERE p.register_state = 'closed' AND coalesce(r.applied_at, r.started_at) < %(before)s
    AND EXISTS (SELECT FROM practice x WHERE x.practitioner = p.national_id)
    AND NOT EXISTS (SELECT FROM mailbox_attachment a WHERE a.practitioner = p.national_id)
    AND NOT EXISTS (SELECT FROM import_change c WHERE c.before ->> 'practitioner' = p.national_id)
  ORDER BY p.national_id LIMIT %(portion)s FOR UPDATE OF p SKIP LOCKED
),
roles AS (DELETE FROM practitioner_role x USING gone g WHERE x.practitioner = g.national_id),
skills AS (DELETE FROM skill x USING gone g WHERE x.practitioner = g.national_id),
qualifications AS (DELETE FROM qualification x USING gone g WHERE x.practitioner = g.national_id),
practices AS (DELETE FROM practice x USING gone g WHERE x.practitioner = g.national_id)
UPDATE practitioner p SET civility = NULL FROM gone g WHERE p.national_id = g.national_id
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
