"""What is no longer of use to anybody is forgotten: tokens and assertions that ended, certificates long past."""

from datetime import datetime
from typing import Any

import psycopg

from app.settings import Settings

# An assertion is refused for its age from `expires_at` on; the day more is for clocks that disagree.
PRUNE = (
    "DELETE FROM access_token WHERE expires_at < %(now)s - interval '1 day'",
    "DELETE FROM client_assertion WHERE expires_at < %(now)s - interval '1 day'",
    "DELETE FROM client_certificate WHERE expires_at < %(now)s - interval '90 days'",
)


def prune(connection: psycopg.Connection[Any], _: Settings, now: datetime) -> None:
    """Forget it. Keys and clients stay for good: the audit trail names them."""
    for statement in PRUNE:
        connection.execute(statement, {"now": now})
