"""What was shown on days that are over is forgotten."""

from datetime import datetime
from typing import Any

import psycopg

from app.forgetting import forget
from app.settings import Settings

PAST = "x.day < (%(now)s AT TIME ZONE 'Europe/Paris')::date"


def prune(connection: psycopg.Connection[Any], _: Settings, now: datetime) -> None:
    """Delete the days before that of `now`, the database's own time. A duty of the worker."""
    for table in ("disclosure", "disclosure_day"):
        forget(connection, table, PAST, {"now": now})
