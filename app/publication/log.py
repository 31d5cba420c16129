"""The log of changes, in ranges of numbers: the open one is closed once a day, and what is too old is dropped whole.

    change ─┬─ change_until_4821     FROM (1) TO (4822)            closed: a day, or all since the last closing
            ├─ change_until_9107     FROM (4822) TO (9108)
            └─ change_head           FROM (9108) TO (MAXVALUE)     open: publishing writes here, whatever else happens

Nothing depends on the duty being done in time: the open range takes every number. A range is dropped when its last
change is older than ANNUAIRE_FEED_DAYS and no offered snapshot leads into it, so that whoever begins with one finds
every change after it.

Closing reads the open range once under the lock, to prove its bounds: 52 ms for a million changes (PostgreSQL 15, two
cores). A CHECK constraint that is validated before would bring that down to 0.5 ms, and is not used: it refuses
whatever is published behind it, so that whoever is killed before the exchange leaves a directory that can publish
nothing.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg import sql

from app.settings import Settings

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]

PUBLICATION_LOCK = 4
# Readers of the feed queue behind the exchange of ranges for no longer than this; who fails is tried again as a duty.
PATIENCE = "SET LOCAL lock_timeout = '500ms'"
LOCK = f"SELECT pg_advisory_xact_lock({PUBLICATION_LOCK})"
# The duty comes once a day, whenever that is; a range that was begun since is not closed yet, nor waited for.
YOUNG = timedelta(hours=12)
BEGUN = "SELECT recorded_at FROM change_head ORDER BY sequence LIMIT 1"
HEAD = "SELECT min(sequence), max(sequence) FROM change_head"
CLOSED = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'change'::regclass AND c.relname <> 'change_head'
"""
LAST = "SELECT sequence, recorded_at FROM {} ORDER BY sequence DESC LIMIT 1"
# The oldest edition from which a copy that begins with a snapshot goes on.
NEEDED = "SELECT min(s.edition) FROM snapshot s JOIN directory d ON d.epoch = s.epoch WHERE s.state = 'offered'"


def keep(connection: Connection, settings: Settings, now: datetime) -> None:
    """The duty: close the open range, and drop what is older than the promised days."""
    begun = connection.execute(BEGUN).fetchone()
    if begun and now - begun[0] > YOUNG:
        close_range(connection)
    dropped = prune(connection, now - timedelta(days=settings.feed_days))
    if dropped:
        logger.info("old changes dropped", until=max(dropped))


def close_range(connection: Connection) -> int | None:
    """Close the open range behind its last change and begin another. Returns that change's number, None of none.

    Raises LockNotAvailable when somebody publishes, or reads the log, for longer than PATIENCE.
    """
    with connection.transaction():
        connection.execute(PATIENCE)
        connection.execute(LOCK)
        connection.execute("LOCK TABLE change IN ACCESS EXCLUSIVE MODE")
        first, last = connection.execute(HEAD).fetchone() or (None, None)
        if last is None:
            return None
        name = f"change_until_{last}"
        names = {"closed": sql.Identifier(name), "key": sql.Identifier(f"{name}_pkey")}
        bounds = {"first": sql.Literal(first), "after": sql.Literal(last + 1)}
        for statement in (
            "ALTER TABLE change DETACH PARTITION change_head",
            "ALTER TABLE change_head RENAME TO {closed}",
            "ALTER INDEX change_head_pkey RENAME TO {key}",
            "ALTER TABLE change ATTACH PARTITION {closed} FOR VALUES FROM ({first}) TO ({after})",
            "CREATE TABLE change_head PARTITION OF change FOR VALUES FROM ({after}) TO (MAXVALUE)",
        ):
            connection.execute(sql.SQL(statement).format(**names, **bounds))
    return int(last)


def prune(connection: Connection, before: datetime) -> list[int]:
    """Drop closed ranges, oldest first, whose last change is older than `before`. Returns the last number of each."""
    dropped: list[int] = []
    with connection.transaction():
        connection.execute(PATIENCE)
        (needed,) = connection.execute(NEEDED).fetchone() or (None,)
        closed = [sql.Identifier(name) for (name,) in connection.execute(CLOSED)]
        ranges = [(connection.execute(sql.SQL(LAST).format(name)).fetchone() or (0, before), name) for name in closed]
        for (last, recorded_at), name in sorted(ranges, key=lambda found: int(found[0][0])):
            if recorded_at >= before or (needed is not None and last > needed):
                break
            connection.execute(sql.SQL("DROP TABLE {}").format(name))
            dropped.append(int(last))
    return dropped
