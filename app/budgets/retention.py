"""What was shown on days that are over is forgotten."""

from datetime import datetime
from typing import Any

import psycopg

from app.settings import Settings

PAST = (
    "DELETE FROM disclosure WHERE day < (%(now)s AT TIME ZONE 'Europe/Paris')::date",
    "DELETE FROM disclosure_day WHERE day < (%(now)s AT TIME ZONE 'Europe/Paris')::date",
)


def prune(connection: psycopg.Connection[Any], _: Settings, now: datetime) -> None:
    """Delete the days before that of `now`, the database's own time. A duty of the worker."""
    for statement in PAST:
        connection.execute(statement, {"now": now})
