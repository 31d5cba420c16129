"""The drain: publishes what writers left in `pending`, oldest first, in portions that hold the lock only briefly.

One drain at a time holds an advisory lock. `annuaire worker` drains for ever; a command that wrote (an import) calls
`drain_all`, which drains itself when no worker does. A crash anywhere leaves the marks, and draining again is harmless.

A directory in which nothing is published yet is not drained but built (`bulk`), once: so the worker does not begin with
the first file of an import that goes on, unless somebody waits for what was written.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from app.db import connect
from app.publication import bulk, epoch
from app.settings import Settings

logger = structlog.get_logger(__name__)

DRAIN_LOCK = 6
# Held, shared, by whoever waits until all is published.
WAITING_LOCK = 9
SMALLEST, LARGEST = 10, 5_000
# While a directory fills, plans made for small tables go stale faster than autovacuum looks (once a minute): after so
# many marks, and then at every doubling, the drain renews the statistics itself, which also renews every cached plan.
# A directory that is filled doubles no more: there each renewal would cost seconds and change nothing.
ANALYZE_AFTER = 1_000
PUBLISHED = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'publication'::regclass"
ANALYZE = "ANALYZE publication, alias, change, mailbox_search, organization_search, practitioner_search, withdrawn"
# An import goes on (8 is the importer's lock), nobody waits, and nothing is published: more is coming.
IS_EARLY = """
SELECT coalesce(bool_or(objid = 8) AND NOT bool_or(objid = %s), false)
FROM pg_locks
WHERE NOT EXISTS (SELECT FROM publication) AND locktype = 'advisory' AND classid = 0 AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# Without a notification the worker looks by itself this often: a notification can be lost with its connection.
LOOK_SECONDS = 1.0
# A worker that stands still keeps its connection open: PostgreSQL ends the session of one that was not heard of for so
# long, and with it the lock. While a directory is built, which other connections do, the session says nothing.
PATIENCE = "SELECT set_config(name, %s, false) FROM pg_settings WHERE name LIKE 'idle%%session_timeout'"
ALIVE, SILENT = ("8s",), ("0",)


@dataclass
class Drain:
    """Portions sized so that each holds the publication lock for about `lock_ms` milliseconds."""

    connection: psycopg.Connection[Any]
    lock_ms: int
    wide: int
    portion: int = 50
    published: int = 0
    analyze_at: int = ANALYZE_AFTER

    def __post_init__(self) -> None:
        row = self.connection.execute(PUBLISHED).fetchone()
        self.analyze_at = max(ANALYZE_AFTER, row[0] if row else 0)

    def step(self) -> tuple[int, int]:
        """Publish one portion in one transaction. Returns (marks taken, edition); 0 marks means nothing is left."""
        started = time.monotonic()
        with self.connection.transaction():
            self.connection.execute("SELECT spread_registry_mark()", prepare=True)
            row = self.connection.execute(
                "SELECT taken, edition FROM drain(%s, %s)", (self.portion, self.wide), prepare=True
            ).fetchone()
        assert row is not None  # noqa: S101 - a function call always gives a row
        elapsed_ms = (time.monotonic() - started) * 1_000
        taken, edition = row
        self._resize(taken, elapsed_ms)
        self.published += taken
        if self.published >= self.analyze_at:
            self.connection.execute(ANALYZE)
            self.analyze_at = self.published * 2
        return taken, edition

    def _resize(self, taken: int, elapsed_ms: float) -> None:
        if taken == self.portion and elapsed_ms < self.lock_ms / 2:
            self.portion = min(LARGEST, self.portion * 2)
        elif elapsed_ms > self.lock_ms:
            self.portion = max(SMALLEST, int(self.portion * self.lock_ms / elapsed_ms))


def is_holder(connection: psycopg.Connection[Any]) -> bool:
    """Try to become the one drain; the lock goes with the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (DRAIN_LOCK,)).fetchone()
    return bool(row and row[0])


def drain_all(settings: Settings, *, progress: Callable[[int], None] | None = None) -> int:
    """Return the edition at which `pending` was found empty: all that was committed before the call is published.

    Drains itself when no worker holds the lock, else waits while the worker does, and takes over if it dies.
    `progress` is told how many marks are left.
    """
    with connect(settings, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock_shared(%s)", (WAITING_LOCK,))
        drain = Drain(connection, settings.drain_lock_ms, settings.publish_wide)
        holder = False
        while True:
            started = time.monotonic()
            left, edition = backlog(connection)
            counting = time.monotonic() - started
            if progress:
                progress(left)
            if left == 0:
                return edition
            holder = holder or is_holder(connection)
            if holder and bulk.is_wanted(connection):
                bulk.publish_all(settings, connection, progress=progress)
                continue
            if not holder:
                # A long backlog takes long to count: whoever only waits leaves nine tenths of the time to the worker.
                time.sleep(max(0.05, 9 * counting))
                continue
            # Several portions between two counts: counting the backlog is not free.
            for _ in range(20):
                if drain.step()[0] == 0:
                    break


def backlog(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """(marks waiting, edition), from one snapshot."""
    row = connection.execute("SELECT (SELECT count(*) FROM pending), edition FROM directory").fetchone()
    if row is None:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    return row[0], row[1]


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop: drain whenever a writer left marks, until `stop` is set. Raises when PostgreSQL goes away."""
    with connect(settings, autocommit=True, holds_lock=True) as connection:
        connection.execute(PATIENCE, ALIVE)
        connection.execute("LISTEN annuaire_pending")
        while not stop.is_set() and not is_holder(connection):
            stop.wait(LOOK_SECONDS)
        drain = Drain(connection, settings.drain_lock_ms, settings.publish_wide)
        while not stop.is_set():
            epoch.watch(connection)
            if not _is_early(connection):
                if bulk.is_wanted(connection):
                    connection.execute(PATIENCE, SILENT)
                    bulk.publish_all(settings, connection)
                    connection.execute(PATIENCE, ALIVE)
                taken, edition = drain.step()
                if taken:
                    logger.debug("drained", taken=taken, edition=edition, portion=drain.portion)
                    continue
            for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                break


def _is_early(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(IS_EARLY, (WAITING_LOCK,), prepare=True).fetchone()
    return bool(row and row[0])
