"""The epoch: one unbroken history. A directory that was restored from a backup begins another.

Copies may hold changes that the restored directory never made, and it will soon give their numbers to others. So their
cursors must expire, all of them: with the epoch they do.

    a change is published  ─► directory.edition ─► trigger number_in_place ─┐ witness as it was: go on
    anything else          ─► audit_append ─► watch_epoch ──────────────────┴ another: begin a history, then write

No write passes by both (migration 0015), so no program needs to know when its server was restored or promoted. `watch`
is for those who do not write: readers learn within a second, and not only with the next change.
"""

from typing import Any

import psycopg
import structlog

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]


def watch(connection: Connection) -> str | None:
    """Begin another history if this one is written elsewhere than it was: in another cluster, database, or timeline.

    Returns the new epoch, or None. A copy of the files that was put back in its own cluster shows none of these:
    whoever does that says so (`annuaire audit restored`).
    """
    row = connection.execute("SELECT watch_epoch()").fetchone()
    begun: str | None = row[0] if row else None
    if begun:
        logger.warning("the database was restored: another history begins", epoch=begun)
    return begun
