"""What becomes of a letter: it arrived, is tried again later, or is given up, and its webhook with it.

Every attempt is recorded. The schedule is that of Standard Webhooks with one step more at its beginning; a receiver
that is down for three days is told when it comes back, one that is down for longer is switched off, and its operator
told so.
"""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import psycopg

from app.access.audit import Act, append
from app.push.letters import LEAST_BETWEEN, Letter
from app.push.sending import Outcome

Connection = psycopg.Connection[Any]

BACK_OFF = (
    *(timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)

# One that is being deleted is waited for, and then not written of.
RECORD = """
INSERT INTO webhook_delivery (webhook, message, after, edition, attempt, outcome, status, detail, ms)
SELECT w.id, %(message)s, %(after)s, %(edition)s, %(attempt)s, %(word)s, %(status)s, %(detail)s, %(ms)s
FROM webhook w WHERE w.id = %(webhook)s FOR KEY SHARE OF w
"""
# A letter that was taken back meanwhile, by who begins elsewhere, moves nothing.
TOLD = """
UPDATE webhook SET epoch = next_epoch, edition = next_edition, message = NULL, body = NULL, next_epoch = NULL,
  next_edition = NULL, attempt = 0, due_at = clock_timestamp() + %(pause)s
WHERE id = %(webhook)s AND message = %(message)s
"""
AGAIN = """
UPDATE webhook SET attempt = %(attempt)s, due_at = clock_timestamp() + %(pause)s
WHERE id = %(webhook)s AND message = %(message)s
"""
DISABLE = """
UPDATE webhook SET state = 'disabled', disabled_why = %(why)s, attempt = %(attempt)s
WHERE id = %(webhook)s AND state = 'active' AND message IS NOT DISTINCT FROM coalesce(%(message)s, message)
RETURNING operator
"""
TELL = """
INSERT INTO notice (operator, code, kind, key, detail)
SELECT %(operator)s, 'webhook.disabled', 'webhook', %(webhook)s, json_build_object('reason', %(why)s::text)::text
WHERE %(operator)s::text IS NOT NULL
"""


def record(connection: Connection, letter: Letter, outcome: Outcome, ms: int) -> None:
    """Write down how an attempt ended, and what follows from it, in one transaction."""
    with connection.transaction():
        connection.execute(RECORD, {**asdict(letter), **_of(outcome), "ms": ms})
        given: dict[str, Any] = {"webhook": letter.webhook, "message": letter.message, "attempt": letter.attempt}
        if outcome.is_delivered:
            connection.execute(TOLD, {**given, "pause": LEAST_BETWEEN})
        elif outcome.is_final or letter.attempt > len(BACK_OFF):
            _disable(connection, given, f"given up after {letter.attempt} attempts: {outcome.detail}")
        else:
            connection.execute(AGAIN, {**given, "pause": BACK_OFF[letter.attempt - 1]})


def disable(connection: Connection, webhook: str, why: str) -> None:
    """Switch off a webhook whose owner may read no more."""
    with connection.transaction():
        _disable(connection, {"webhook": webhook, "message": None, "attempt": 0}, why)


def _disable(connection: Connection, given: dict[str, Any], why: str) -> None:
    row = connection.execute(DISABLE, {**given, "why": why}).fetchone()
    if row is None:
        return
    (operator,) = row
    connection.execute(TELL, {**given, "why": why, "operator": operator})
    append(connection, Act("worker", "worker", operator, "webhook.disabled", "webhook", given["webhook"], detail=why))


def _of(outcome: Outcome) -> dict[str, Any]:
    return {"word": outcome.word, "status": outcome.status, "detail": outcome.detail}
