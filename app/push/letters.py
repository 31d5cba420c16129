"""What a webhook is told: a thin letter that says that the directory moved, and names nobody.

    {"type": "directory.changed", "timestamp": …, "data": {"edition", "epoch", "kinds", "after"}}

A letter is written into the row of its webhook before it is sent, and stays as it is until it arrived or was given up:
whoever is killed on the way sends the very same bytes under the same `webhook-id` again. What happens meanwhile is told
by the next one, so that at most one is on its way to each receiver, however much changes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.access.key_form import random_id
from app.publication.feed import FeedCursors

Connection = psycopg.Connection[Any]
TYPE = "directory.changed"
# Further back than this it is not looked which kinds changed: any of them may have.
WINDOW = 10_000
# A receiver is told no more often than this: the feed has every change, and a letter tells of all since the last.
LEAST_BETWEEN = timedelta(seconds=5)

DUE = """
SELECT w.id, w.url, w.secret, w.pepper, w.kinds, w.epoch AS told_epoch, w.edition AS told,
  w.message, w.body, w.next_edition, w.attempt, d.epoch, d.edition,
  CASE WHEN k.revoked_at IS NOT NULL OR k.expires_at <= clock_timestamp() THEN 'its key ended'
       WHEN o.state = 'left' THEN 'its operator left' END AS ended
FROM webhook w CROSS JOIN directory d
LEFT JOIN api_key k ON k.id = w.api_key LEFT JOIN operator o ON o.id = w.operator
WHERE w.state = 'active' AND w.due_at <= clock_timestamp() AND w.id <> ALL (%(busy)s)
  AND (w.message IS NOT NULL OR (w.epoch, w.edition) <> (d.epoch, d.edition))
ORDER BY w.due_at, w.id LIMIT %(most)s
"""
KINDS = """
SELECT ARRAY(SELECT k FROM unnest(%(kinds)s::text[]) k WHERE f.far
  OR EXISTS (SELECT FROM change c WHERE c.sequence > %(told)s AND c.sequence <= %(edition)s AND c.kind = k) ORDER BY k)
FROM (SELECT %(epoch)s <> %(told_epoch)s OR %(edition)s - %(told)s > %(window)s
  OR coalesce((SELECT c.sequence FROM change c ORDER BY c.sequence LIMIT 1) > %(told)s + 1, true) AS far) f
"""
# Unless it was deleted, or told to begin elsewhere, in the meantime.
UNCHANGED = "WHERE id = %(id)s AND message IS NULL AND (epoch, edition) = (%(told_epoch)s, %(told)s)"
WRITE = f"""
UPDATE webhook
SET message = %(message)s, body = %(body)s, next_epoch = %(epoch)s, next_edition = %(edition)s, attempt = 0
{UNCHANGED}
"""  # noqa: S608 - our own text
# Put off as if it had been told: those that are interested in nothing new must not stand before all others each time.
PASS_OVER = f"""
UPDATE webhook SET epoch = %(epoch)s, edition = %(edition)s, due_at = clock_timestamp() + %(pause)s {UNCHANGED}
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way. `after` and `edition`: the changes that it tells of; `attempt`: the how manieth this is."""

    webhook: str
    url: str
    sealed: bytes
    pepper: str
    message: str
    body: str
    after: int
    edition: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A webhook whose owner may read no more."""

    webhook: str
    why: str


def due(connection: Connection, cursors: FeedCursors, busy: Sequence[str], most: int) -> Iterator[Letter | Ended]:
    """At most `most` letters to send now, each written down; none to a webhook that is `busy`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(DUE, {"busy": list(busy), "most": most}).fetchall()
    for row in rows:
        if row["ended"]:
            yield Ended(row["id"], row["ended"])
        elif row["message"] or _written(connection, cursors, row):
            yield Letter(
                webhook=row["id"],
                url=row["url"],
                sealed=row["secret"],
                pepper=row["pepper"],
                message=row["message"],
                body=row["body"],
                after=row["told"],
                edition=row["next_edition"],
                attempt=row["attempt"] + 1,
            )


def _written(connection: Connection, cursors: FeedCursors, row: dict[str, Any]) -> bool:
    """Write a letter into `row` and its webhook; or, where nothing of its kinds changed, note that it was told."""
    found = connection.execute(KINDS, {**row, "window": WINDOW}).fetchone()
    kinds = found[0] if found else []
    if not kinds:
        connection.execute(PASS_OVER, {**row, "pause": LEAST_BETWEEN})
        return False
    row["message"] = f"msg_{random_id()}{random_id()}"
    data = {
        "edition": row["edition"],
        "epoch": row["epoch"],
        "kinds": kinds,
        "after": cursors.seal(row["told_epoch"], row["told"]),
    }
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row["body"] = json.dumps({"type": TYPE, "timestamp": now, "data": data}, separators=(",", ":"))
    row["next_edition"], row["attempt"] = row["edition"], 0
    return connection.execute(WRITE, row).rowcount == 1
