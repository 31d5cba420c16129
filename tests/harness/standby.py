"""A streaming replica of a cluster of the tests, made by pg_basebackup: a server of its own, to kill and promote."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from app.embedded import Postgres, process
from app.embedded.binaries import PostgresBinaries
from app.embedded.postgres import PostgresFailed
from tests.harness.directory import directory

PATIENCE = 240.0
PAUSE_SECONDS = 0.01


class Standby(Postgres):
    """A replica of `primary`, which must run. `name` is what the primary knows it by (synchronous_standby_names)."""

    def __init__(self, data_dir: Path, primary: Postgres, *, name: str = "standby") -> None:
        super().__init__(data_dir, fast=True)
        self._primary, self._standby_name = primary, name

    def pause(self) -> None:
        """Stop replaying: what comes from now on is received and not shown."""
        self.run("SELECT pg_wal_replay_pause()")
        until(lambda: self.run("SELECT pg_get_wal_replay_pause_state()") == "paused", "the replay pauses")

    def resume(self) -> None:
        self.run("SELECT pg_wal_replay_resume()")

    def follow(self) -> None:
        """Come back when everything is replayed that was committed at the primary by now."""
        with psycopg.connect(self._primary.dsn("postgres"), autocommit=True) as connection:
            # Commits of the tests' clusters do not wait for the log; one that does, and has something in it, writes all
            # before it.
            connection.execute("SET synchronous_commit = on")
            connection.execute("SELECT pg_logical_emit_message(true, 'annuaire', 'follow')")
            (end,) = connection.execute("SELECT pg_current_wal_lsn()::text").fetchone() or ("",)
        until(lambda: self.run("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", end) is True, "the replica follows")

    def promote(self) -> None:
        """Make it a primary, on a timeline of its own."""
        assert self.run("SELECT pg_promote(true, 60)") is True

    def configure(self, **parameters: str) -> None:
        """Set parameters of the server that a reload takes over."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            for name, value in parameters.items():
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
            connection.execute("SELECT pg_reload_conf()")

    def run(self, statement: str, *values: Any) -> Any:
        """Execute a statement there; returns the first value of its first row, if it gives any."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement.encode(), values)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def _initdb(self, binaries: PostgresBinaries) -> None:
        """A copy of the primary's files, which goes on following it, instead of an empty cluster."""
        partial = self._home.folder / "data.partial"
        self._home.make("data.partial")
        shutil.rmtree(partial)
        source = f"host={self._primary.socket_dir} user=annuaire application_name={self._standby_name}"
        command = [binaries.program("pg_basebackup"), "-D", str(partial), "-d", source, "-R", "-X", "stream"]
        answer = subprocess.run(
            [*command, "-c", "fast", "--no-sync"],
            cwd="/",
            env=process.SERVER_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **self._home.account.run_as(),
        )
        if answer.returncode != 0:
            raise PostgresFailed(f"pg_basebackup failed: {answer.stderr.strip()}")
        partial.rename(self._data)


def kill(cluster: Postgres) -> None:
    """kill -9 of the postmaster; its children see that it is gone and end."""
    assert cluster.process is not None
    cluster.process.kill()
    cluster.process.wait(PATIENCE)


@contextmanager
def replicated(primary: Postgres) -> Iterator[Standby]:
    """A replica of a running cluster, removed at the end."""
    with directory() as folder, Standby(folder, primary) as standby:
        yield standby


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(PAUSE_SECONDS)
