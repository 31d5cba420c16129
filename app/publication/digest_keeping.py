"""The worker's part in the digest: the tree is kept close behind the edition, and once a day held against all rows.

A process that starts, or a command, then hashes again only the slots that were touched in the last seconds.
"""

import threading
from datetime import datetime
from typing import Any

import psycopg
import structlog

from app.db import connect
from app.publication.digest import MANY_CHANGES, ONE_SNAPSHOT, Reckoned, reckon, reckon_whole
from app.settings import Settings

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]

# Each time the edition has moved, 2 MB are written: not more often.
PAUSE_SECONDS = 10.0
# Of two workers, the one that is further stays.
KEEP = """
INSERT INTO digest_tree AS t (edition, epoch, leaves)
SELECT %(edition)s, %(epoch)s, %(leaves)s FROM directory d WHERE d.epoch = %(epoch)s
ON CONFLICT (singleton) DO UPDATE
  SET edition = excluded.edition, epoch = excluded.epoch, leaves = excluded.leaves, reckoned_at = now()
WHERE t.epoch <> excluded.epoch OR t.edition < excluded.edition
"""


# Whether so much changed since the tree was kept that all slots are hashed again.
IS_FAR = """
SELECT NOT EXISTS (SELECT FROM digest_tree t JOIN directory d ON d.epoch = t.epoch WHERE d.edition - t.edition <= %s)
"""


IS_KEPT = "SELECT FROM digest_tree LIMIT 1"


class DigestDrifted(RuntimeError):
    """The tree that follows the log is not that of the rows: something wrote the publication behind its back."""


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    held: Reckoned | None = None
    with connect(settings, autocommit=True) as connection:
        while not stop.is_set():
            prepare(connection)
            # What the duty forgot was wrong: what this loop holds is that very tree.
            held = keep(connection, held if connection.execute(IS_KEPT).fetchone() else None)
            stop.wait(PAUSE_SECONDS)


def prepare(connection: Connection) -> None:
    """Before all slots are hashed, after a first publication or a large import: pages become known as visible to all.

    Without that the index is not enough, and each row is fetched from its page: 15 s instead of one at national size.
    """
    row = connection.execute(IS_FAR, (MANY_CHANGES,)).fetchone()
    if row and row[0]:
        # Whoever vacuums the table already does the same.
        connection.execute("VACUUM (SKIP_LOCKED) publication")


def keep(connection: Connection, held: Reckoned | None = None) -> Reckoned:
    """Reckon the tree of the current edition and keep it, unless the caller's is still the current one."""
    reckoned = reckon(connection, held)
    if held is None or reckoned[:2] != held[:2]:
        kept = {"edition": reckoned.edition, "epoch": reckoned.epoch, "leaves": reckoned.tree.leaves}
        connection.execute(KEEP, kept)
        logger.debug("tree of the digest kept", edition=reckoned.edition)
    return reckoned


def prove(connection: Connection, _settings: Settings, _now: datetime) -> None:
    """The duty: hold the tree that follows the log against all rows.

    Raises DigestDrifted, and forgets the kept tree: the next one is made from all rows.
    """
    with connection.transaction():
        for statement in ONE_SNAPSHOT:
            connection.execute(statement)
        reckoned, whole = reckon(connection), reckon_whole(connection)
    wrong = [
        node
        for node, (found, due) in enumerate(zip(reckoned.tree.nodes, whole.tree.nodes, strict=True))
        if found != due
    ]
    if wrong:
        connection.execute("DELETE FROM digest_tree")
        raise DigestDrifted(
            f"at edition {whole.edition} the rows give {whole.digest.root}, the log {reckoned.digest.root}"
            f" ({len(wrong)} nodes differ, the first is {wrong[0]}): somebody wrote the publication by hand;"
            " restart the API, which holds a tree of its own"
        )
