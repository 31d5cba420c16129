"""Several workers, one at a time at work: when it is killed, or stands still, another one takes over."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.db import LET_GO, connect
from app.publication import drain
from app.publication.drain import DRAIN_LOCK
from app.settings import Settings
from tests.builders import a_mailbox
from tests.faults.commands import Process, started
from tests.harness.database import Database
from tests.harness.standby import until

Connection = psycopg.Connection[Any]
# What is promised, and how many times as long a machine that does much else may take before the test fails.
PROMISED, GENEROUS = 10.0, 5
HOLDER = f"""
SELECT l.pid FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objid = {DRAIN_LOCK} AND l.classid = 0 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
SESSIONS = "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()"
WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%%' AND NOT pid = ANY (%s)
"""
SETTINGS = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")


def one(connection: Connection, statement: str, *values: Any) -> Any:
    row = connection.execute(statement.encode(), values).fetchone()
    return row[0] if row else None


@contextmanager
def two_workers(database: Database, folder: Path) -> Iterator[tuple[Process, Connection]]:
    """(the one at work, a connection), once another one waits for its place."""
    connection = database.connect(autocommit=True)
    first, second = folder / "first", folder / "second"
    first.mkdir()
    second.mkdir()
    with started(database, first, "worker", snapshot_hours="0") as at_work:
        until(lambda: one(connection, HOLDER) is not None, "the first worker drains")
        before = one(connection, SESSIONS)
        with started(database, second, "worker", snapshot_hours="0"):
            until(lambda: one(connection, WAITS, before) > 0, "the second one waits")
            yield at_work, connection


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.fault)])
def test_another_worker_takes_over(how: signal.Signals, database: Database, tmp_path: Path) -> None:
    with two_workers(database, tmp_path) as (at_work, connection):
        held = one(connection, HOLDER)
        os.kill(at_work.pid, how)
        begun = time.monotonic()
        try:
            until(lambda: one(connection, HOLDER) not in {None, held}, "the second one drains")
            taken = time.monotonic() - begun
            connection.execute("SELECT pg_notify('annuaire_pending', '')")
            with connection.transaction():
                a_mailbox(connection)
                connection.execute("INSERT INTO pending (kind, key) SELECT 'mailbox', address FROM mailbox")
            until(lambda: one(connection, "SELECT count(*) FROM publication") == 1, "it publishes")
        finally:
            os.kill(at_work.pid, signal.SIGCONT if how is signal.SIGSTOP else 0)
        sys.stdout.write(f"takeover after {how.name}: {taken:.1f} s (promised: {PROMISED:.0f} s)\n")
        assert taken < PROMISED * GENEROUS
        if how is signal.SIGSTOP:
            # Whoever comes back finds its session ended, and waits in its turn.
            until(lambda: one(connection, HOLDER) not in {None, held}, "one drains")


def test_a_session_that_holds_a_lock_is_let_go_when_its_machine_is_gone(settings: Settings) -> None:
    """What the server was asked for; on a socket of this machine it has no keepalives to ask for."""
    with connect(settings, autocommit=True, holds_lock=True) as connection:
        assert one(connection, "SHOW client_connection_check_interval") == "2s"
        sources = connection.execute("SELECT name, source FROM pg_settings WHERE name = ANY (%s)", [list(LET_GO)])
        assert dict(sources.fetchall()) == dict.fromkeys(LET_GO, "client")
    idle, interval, count = (int(str(LET_GO[name])) for name in SETTINGS[:3])
    assert idle + interval * count + drain.LOOK_SECONDS < PROMISED
    assert int(str(LET_GO["tcp_user_timeout"])) / 1_000 + drain.LOOK_SECONDS < PROMISED
