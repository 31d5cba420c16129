"""What is no longer of use to anybody is forgotten: tokens and assertions that ended, certificates long past."""

from datetime import datetime
from typing import Any

import psycopg

from app.forgetting import forget
from app.settings import Settings

# An assertion is refused for its age from `expires_at` on; the day more is for clocks that disagree.
ENDED = {
    "access_token": "x.expires_at < %(now)s - interval '1 day'",
    "client_assertion": "x.expires_at < %(now)s - interval '1 day'",
    "client_certificate": "x.expires_at < %(now)s - interval '90 days'",
}


def prune(connection: psycopg.Connection[Any], _: Settings, now: datetime) -> None:
    """Forget it. Keys and clients stay for good: the audit trail names them."""
    for table, old in ENDED.items():
        forget(connection, table, old, {"now": now})
