"""Transfers that ended are forgotten with the notices that told of them; the audit trail keeps that they were."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.forgetting import forget
from app.settings import Settings

ENDED = "x.state NOT IN ('proposed', 'agreed') AND coalesce(x.done_at, x.decided_at, x.effective_at) < %(before)s"


def prune(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> None:
    """The duty: forget transfers that ended before the days for which notices are kept."""
    forget(connection, "transfer", ENDED, {"before": now - timedelta(days=settings.notice_days)})
