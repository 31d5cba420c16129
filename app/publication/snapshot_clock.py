"""The worker's part in snapshots: one by the clock, one soon after a withdrawal, and the sweeping."""

import threading
import time
from datetime import timedelta
from typing import Any

import psycopg
import structlog

from app.console import Refused
from app.db import connect
from app.publication import snapshots
from app.settings import Settings

logger = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
# However often somebody is hidden, no more than one is made in this time.
LEAST_BETWEEN = timedelta(minutes=10)
# Age of the newest one that is offered, whether there is anything to make one of, and whether the last is too young.
DUE = """
SELECT d.edition > 0 AND NOT EXISTS (SELECT FROM pending)
  AND coalesce(max(s.made_at) FILTER (WHERE s.state = 'offered') < now() - %(every)s, true)
  AND coalesce(max(s.made_at) < now() - %(between)s, true)
FROM directory d LEFT JOIN snapshot s ON s.epoch = d.epoch GROUP BY d.edition
"""


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    not_before = 0.0
    with connect(settings, autocommit=True) as connection:
        connection.execute("LISTEN annuaire_snapshot")
        while not stop.is_set():
            if time.monotonic() >= not_before:
                not_before = _tried(settings, connection)
            for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                break


def look(settings: Settings, connection: psycopg.Connection[Any]) -> snapshots.Made | None:
    """Sweep, and make a snapshot if one is due. Returns it."""
    with snapshots.making(connection) as is_maker:
        if not is_maker:
            return None
        snapshots.sweep(settings, connection)
        if not settings.snapshot_hours or not is_due(settings, connection):
            return None
        return snapshots.make(settings, connection)


def is_due(settings: Settings, connection: psycopg.Connection[Any]) -> bool:
    """Whether it is time for another one."""
    every = timedelta(hours=settings.snapshot_hours)
    row = connection.execute(DUE, {"every": every, "between": LEAST_BETWEEN}).fetchone()
    return bool(row and row[0])


def _tried(settings: Settings, connection: psycopg.Connection[Any]) -> float:
    """Look once. Returns the time before which not to look again: what failed is not tried every few seconds."""
    try:
        look(settings, connection)
    except (OSError, Refused):
        # No place, or a signing key that cannot be read: publication must go on. `annuaire doctor` tells of both.
        logger.exception("no snapshot could be made")
        return time.monotonic() + LEAST_BETWEEN.total_seconds()
    return 0.0
