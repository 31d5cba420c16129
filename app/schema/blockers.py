"""Who stands in the way of a migration: looked at while it waits, since afterwards nobody knows.

Of a session is told what identifies it and since when; never its statement, whose values may name people.
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import psycopg
from psycopg.rows import class_row

# A lock that was waited for at all is waited for at least ten times as long.
LOOK_SECONDS = 0.1
AWAITED = """
SELECT coalesce(relation::regclass::text, locktype) AS what, mode FROM pg_locks WHERE pid = %s AND NOT granted LIMIT 1
"""
BLOCKING = """
SELECT DISTINCT b.pid, coalesce(a.application_name, '') AS application, coalesce(a.usename, '') AS role, a.state,
  a.xact_start AS transaction_since, a.query_start AS query_since
FROM unnest(pg_blocking_pids(%s)) AS b (pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid ORDER BY b.pid
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds, or waits before us for, what a migration needs. Pid 0 is a prepared transaction.

    State and times are None where our role may not see them (it is no member of pg_read_all_stats).
    """

    pid: int
    application: str
    role: str
    state: str | None
    transaction_since: datetime | None
    query_since: datetime | None

    def __str__(self) -> str:
        told = [f"pid {self.pid}" if self.pid else "a prepared transaction (pg_prepared_xacts)"]
        told += [self.application or "no application name"] if self.pid else []
        told += [f"role {self.role}"] if self.role else []
        told += [self.state] if self.state else []
        for name, since in (("transaction", self.transaction_since), ("query", self.query_since)):
            told += [f"{name} since {since:%H:%M:%S}"] if since else []
        return ", ".join(told)


@dataclass(frozen=True, slots=True)
class Blocked:
    """What was waited for, in which mode, and who had it."""

    what: str
    mode: str
    by: tuple[Session, ...]

    def __str__(self) -> str:
        sessions = "; ".join(f"[{session}]" for session in self.by) or "a session that is gone by now"
        return f"{self.mode} on {self.what}, held up by {sessions}"


class Watch:
    """Looks, beside a migration, at who blocks it. `seen`: the last that was seen; None: nobody."""

    def __init__(self, database_url: str) -> None:
        self.seen: Blocked | None = None
        self._url = database_url
        self._pid: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="blockers", daemon=True)

    def follow(self, pid: int) -> None:
        """The migration runs in this session."""
        self._pid = pid

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True, connect_timeout=10) as connection:
                while not self._stop.wait(LOOK_SECONDS):
                    self.seen = self._look(connection) or self.seen
        except psycopg.Error:
            # A server that went away fails the migration itself, which says so.
            return

    def _look(self, connection: psycopg.Connection[Any]) -> Blocked | None:
        if self._pid is None:
            return None
        with connection.transaction():
            awaited = connection.execute(AWAITED, [self._pid]).fetchone()
            cursor = connection.cursor(row_factory=class_row(Session))
            by = tuple(cursor.execute(BLOCKING, [self._pid]).fetchall())
        return Blocked(awaited[0], awaited[1], by) if awaited and by else None
