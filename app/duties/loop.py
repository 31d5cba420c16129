"""What the worker does by the clock: each duty once a day or once an hour, the missed ones when it comes back.

    worker ─► run ─► do_due ─► each duty whose time has come ─► duty.do(connection, settings, now) ─► done_at

One worker at a time holds the lock. A duty is noted as done after it returned: whoever is killed on the way leaves it
to be done again, so a duty must be harmless to repeat. One that fails is written down (`annuaire doctor` tells it) and
tried again after RETRY; the others go on, and so do publication and LDAP.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg
import structlog

from app.console import one_line
from app.db import connect
from app.settings import Settings

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]
# In autocommit: a duty opens the transactions that it needs, none longer than others can wait.
Do = Callable[[Connection, Settings, datetime], None]

DUTIES_LOCK = 11
LOOK_SECONDS = 30.0
# Whoever waits for a lock that is free again takes over within this.
HOLDER_SECONDS = 2.0
RETRY = timedelta(minutes=5)
# A day begins when it does in France: what is valid until a day is valid to its last second there.
DUE = """
SELECT now(),
  coalesce(date_trunc(%(every)s, d.done_at AT TIME ZONE 'Europe/Paris')
           < date_trunc(%(every)s, now() AT TIME ZONE 'Europe/Paris'), true)
  AND coalesce(d.failed_at < now() - %(retry)s, true)
FROM (SELECT) nothing LEFT JOIN duty d ON d.name = %(name)s
"""
DONE = """
INSERT INTO duty (name, done_at) VALUES (%(name)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at, failed_at = NULL, failure = NULL
"""
FAILED = """
INSERT INTO duty (name, failed_at, failure) VALUES (%(name)s, clock_timestamp(), %(failure)s)
ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at, failure = excluded.failure
"""


@dataclass(frozen=True)
class Duty:
    """Something to do once in every minute, hour or day, at its beginning or as soon as a worker runs."""

    name: str
    every: Literal["minute", "hour", "day"]
    do: Do


def run(settings: Settings, stop: threading.Event, duties: Sequence[Duty]) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    with connect(settings, autocommit=True, holds_lock=True) as connection:
        while not stop.is_set() and not _is_holder(connection):
            stop.wait(HOLDER_SECONDS)
        while not stop.is_set():
            do_due(connection, settings, duties, stop)
            stop.wait(LOOK_SECONDS)


def do_due(connection: Connection, settings: Settings, duties: Sequence[Duty], stop: threading.Event) -> None:
    """Do every duty whose time has come. Raises psycopg.OperationalError when the connection is lost on the way."""
    for duty in duties:
        row = connection.execute(DUE, {"name": duty.name, "every": duty.every, "retry": RETRY}).fetchone()
        if stop.is_set() or row is None or not row[1]:
            continue
        try:
            duty.do(connection, settings, row[0])
        except Exception as error:
            if connection.broken:
                raise
            # Written down and tried again: one duty must stop neither the others nor the publication.
            logger.exception("duty failed", duty=duty.name)
            connection.execute(FAILED, {"name": duty.name, "failure": f"{type(error).__name__}: {one_line(error)}"})
        else:
            connection.execute(DONE, {"name": duty.name, "now": row[0]})


def _is_holder(connection: Connection) -> bool:
    """Try to become the one worker that does duties; the lock goes with the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (DUTIES_LOCK,)).fetchone()
    return bool(row and row[0])
