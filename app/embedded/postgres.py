"""One PostgreSQL cluster as a child process, reachable through a private socket only."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from app.console import Refused, say
from app.embedded import process
from app.embedded.binaries import PostgresBinaries, find_postgres
from app.embedded.lock import Lock
from app.embedded.place import Place, place

DATABASE = "annuaire"
ROLE = "annuaire"
# A crash leaves up to max_wal_size to replay.
START_PATIENCE = 600.0
STOP_STEPS = ((signal.SIGINT, 120.0), (signal.SIGQUIT, 15.0))
GIB = 1 << 30


class PostgresFailed(Refused):
    """The cluster could not be made, started or used; the message ends with the server's own last lines."""

    def __init__(self, message: str, code: str = "postgres.failed") -> None:
        super().__init__(message, code)


class Postgres:
    """The cluster below `data_dir/pg`. `fast` gives up durability and size, for tests.

    As root the server runs as an unprivileged account. One process at a time holds a cluster (Lock).
    """

    name = "postgres"

    def __init__(self, data_dir: Path, *, fast: bool = False, bin_dir: Path | None = None) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self._fast = fast
        self._bin_dir = bin_dir
        self._place: Place | None = None
        self._lock: Lock | None = None
        self._sockets: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._data_dir / "log" / "postgres.log"

    @property
    def socket_dir(self) -> Path:
        """The private folder of the socket, while the server runs."""
        if self._sockets is None:
            raise PostgresFailed("PostgreSQL is not started")
        return self._sockets

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def dsn(self, database: str = DATABASE) -> str:
        """A libpq URL of one database (with `+psycopg` also SQLAlchemy's)."""
        return f"postgresql://{ROLE}@/{quote(database)}?host={self.socket_dir}"

    def start(self) -> None:
        """Make the cluster when missing, start the server, wait until it answers, make the database when missing.

        Raises Refused: no PostgreSQL, data of another version, folder in use or closed, server that does not start.
        """
        binaries = find_postgres(self._bin_dir)
        where = self._place or place(self._data_dir, "pg")
        self._place = where
        self._lock = self._lock or Lock(where.folder / "lock").acquire()
        try:
            binaries = self._runnable(self._for_data(binaries))
            self._settle()
            if not self._data.exists():
                self._initdb(binaries)
            self._sockets = where.open_sockets()
            self._launch(binaries)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the sessions, write everything, stop. Safe to call when nothing runs."""
        if self.process is not None:
            process.stop(self.process, STOP_STEPS)
            self.process = None
        if self._place is not None:
            self._place.close_sockets()
        self._sockets = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _home(self) -> Place:
        if self._place is None:
            raise PostgresFailed("PostgreSQL is not started")
        return self._place

    @property
    def _data(self) -> Path:
        return self._home.folder / "data"

    def _for_data(self, newest: PostgresBinaries) -> PostgresBinaries:
        """The binaries of the cluster's own major version: a data directory belongs to one."""
        note = self._data / "PG_VERSION"
        if not note.exists():
            return newest
        major = int(note.read_text(encoding="ascii").strip())
        binaries = find_postgres(self._bin_dir, major=major)
        if binaries.major != major:
            raise PostgresFailed(
                f"the data in {self._data} belong to PostgreSQL {major}, but here is {binaries.major}: "
                f"install postgresql-{major} (or set ANNUAIRE_PG_BIN), move the data with pg_upgrade, "
                "or choose another --data-dir",
                "postgres.version",
            )
        return binaries

    def _runnable(self, binaries: PostgresBinaries) -> PostgresBinaries:
        account = self._home.account
        if not account.can_run(Path(binaries.program("postgres"))):
            raise PostgresFailed(
                f"the account {account.name} may not run {binaries.folder}/postgres: install PostgreSQL from the "
                "system's packages or set ANNUAIRE_PG_BIN"
            )
        return binaries

    def _settle(self) -> None:
        """Stop what an earlier, killed run left alive in our folder; a stale pid file PostgreSQL itself sorts out,
        save one whose number another program has now."""
        pids = process.inhabitants(self._data)
        note = self._data / "postmaster.pid"
        postmaster = int(note.read_text(encoding="utf-8").split("\n", 1)[0]) if note.exists() else None
        if pids:
            say(
                f"annuaire: stopping the PostgreSQL that an earlier run left in {self._data} "
                f"(process {postmaster or pids[0]})"
            )
            process.end([postmaster] if postmaster in pids and postmaster else pids, signal.SIGINT, 120.0)
            process.end(process.inhabitants(self._data), signal.SIGKILL, 10.0)
        elif postmaster is not None:
            note.unlink(missing_ok=True)

    def _initdb(self, binaries: PostgresBinaries) -> None:
        """In a folder beside, renamed when complete: a killed initdb leaves nothing that looks like a cluster."""
        partial = self._home.folder / "data.partial"
        command = [binaries.program("initdb"), "-D", str(partial), "-U", ROLE, "-A", "trust"]
        command += ["--locale=C.UTF-8", "-E", "UTF8", *(["--no-sync"] if self._fast else [])]
        self._home.make("data.partial")
        shutil.rmtree(partial)
        self._home.make("data.partial")
        answer = subprocess.run(  # noqa: S603 - a program that we found
            command,
            cwd="/",
            env=process.SERVER_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **self._home.account.run_as(),
        )
        if answer.returncode != 0:
            raise PostgresFailed(f"initdb failed in {partial}: {answer.stderr.strip()}")
        partial.rename(self._data)

    def _launch(self, binaries: PostgresBinaries) -> None:
        settings = {"unix_socket_directories": str(self.socket_dir), **(FAST if self._fast else _durable())}
        options = [part for name, value in {**COMMON, **settings}.items() for part in ("-c", f"{name}={value}")]
        self.process = process.spawn(
            [binaries.program("postgres"), "-D", str(self._data), *options],
            log=self.log,
            death_signal=signal.SIGINT,
            account=self._home.account,
            environment=process.SERVER_ENVIRONMENT,
            directory="/",
        )
        self._wait_until_it_answers()
        with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_PATIENCE
        for pause in _pauses():
            try:
                psycopg.connect(self.dsn("postgres"), connect_timeout=10).close()
            except psycopg.OperationalError as error:
                if not self.is_running:
                    raise PostgresFailed(
                        f"PostgreSQL does not start on {self._data}; its last words ({self.log}):\n"
                        f"{process.last_lines(self.log)}"
                    ) from error
                if time.monotonic() > deadline:
                    raise PostgresFailed(f"PostgreSQL did not answer within {START_PATIENCE:.0f} s: {error}") from error
            else:
                return
            time.sleep(pause)


COMMON: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "100",
    "jit": "off",
    "default_toast_compression": "lz4",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
FAST: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
}


def _durable() -> Mapping[str, str]:
    """An acknowledged write is on the disk. Memory is reserved, and used as the data ask for it."""
    memory = _memory_bytes()
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "shared_buffers": f"{min(memory // 4, 4 * GIB) >> 20}MB",
        "effective_cache_size": f"{memory // 2 >> 20}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        # Nothing is replicated from here: a first load, whose tables are new, need not be written twice.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "random_page_cost": "1.1",
    }


def _memory_bytes() -> int:
    """What this machine, or the container we run in, has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    given = limit.read_text(encoding="ascii").strip() if limit.exists() else "max"
    return min(machine, int(given)) if given.isdigit() else machine


def _pauses() -> Iterator[float]:
    """Seconds between two probes: short at first, since a start takes a tenth of a second, then patient."""
    pause = 0.02
    while True:
        yield pause
        pause = min(pause * 1.3, 0.5)
