"""Old deliveries are forgotten."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.settings import Settings

# As long as the feed promises its changes: who asks later what it was told of cannot read it any more.
PRUNE = "DELETE FROM webhook_delivery WHERE at < %s"


def prune(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> None:
    """The duty: forget the deliveries of changes that the feed does not promise any more."""
    connection.execute(PRUNE, (now - timedelta(days=settings.feed_days),))
