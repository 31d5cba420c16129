"""Old deliveries are forgotten."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.settings import Settings

# A busy directory makes 17 000 deliveries a day for each webhook, and one that arrived is asked for while it is fresh.
DELIVERED_FOR = timedelta(days=2)
AT_ONCE = 10_000
PRUNE = """
DELETE FROM webhook_delivery WHERE id IN (
  SELECT x.id FROM webhook_delivery x
  WHERE x.at < %(delivered)s AND (x.outcome = 'delivered' OR x.at < %(any)s) LIMIT %(rows)s)
"""


def prune(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> None:
    """The duty: forget deliveries that arrived after two days, others when the feed promises their changes no more.

    In portions, each a transaction.
    """
    until = min(now - DELIVERED_FOR, now - timedelta(days=settings.feed_days))
    given = {"delivered": now - DELIVERED_FOR, "any": until, "rows": AT_ONCE}
    while connection.execute(PRUNE, given).rowcount == AT_ONCE:
        pass
