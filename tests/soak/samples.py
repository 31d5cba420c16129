"""What the processes of an installation hold, looked at while they work."""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

import psycopg

# Connections of each part, by the names that they give themselves.
CONNECTIONS = """
SELECT count(*) FILTER (WHERE application_name LIKE 'annuaire-api%'),
       count(*) FILTER (WHERE application_name ~ '^annuaire/'),
       count(*) FILTER (WHERE state = 'idle in transaction' AND state_change < now() - interval '30 seconds')
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# /proc/net/tcp, st.
ESTABLISHED = "01"


class Held(NamedTuple):
    """What a process and its descendants hold.

    `memory`: MB that are nobody else's and in no file: what PostgreSQL shares, and the mapped tree of slapd, fill with
    what is read and say nothing of leaks.
    """

    memory: float
    files: int
    threads: int


def held_by(pid: int) -> Held:
    """What is held now by a process and its descendants. Those that end meanwhile hold nothing."""
    found = [_one(each) for each in family(pid)]
    return Held(
        sum(each.memory for each in found), sum(each.files for each in found), sum(each.threads for each in found)
    )


def _one(pid: int) -> Held:
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text("ascii", "replace")
        files = sum(1 for _ in (folder / "fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return Held(0.0, 0, 0)
    return Held(_figure(status, "RssAnon") / 1_024, files, _figure(status, "Threads"))


def _figure(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for each in found:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text("ascii").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def clients_of(port: int) -> int:
    """Connections of clients that are open at a port of this machine: how many there are is the clients' doing.

    Those that a client has closed and the server has not are not among them: they are what may leak.
    """
    rows = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows)


class Samples:
    """Looks every so many seconds while it is entered. `series`: values by (process, what), beside `moments`.

    `port`: of the API, whose clients are none of its files.
    """

    def __init__(self, processes: Mapping[str, int], dsn: str, interval: float, port: int) -> None:
        self.moments: list[float] = []
        self.series: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._processes, self._dsn, self._interval, self._port = processes, dsn, interval, port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._stop.wait(self._interval):
                self._take(connection)

    def _take(self, connection: psycopg.Connection[tuple[int, int, int]]) -> None:
        self.moments.append(time.monotonic())
        for name, pid in self._processes.items():
            for what, value in held_by(pid)._asdict().items():
                self.series[name, what].append(value)
        self.series["API", "files"][-1] -= clients_of(self._port)
        api, worker, forgotten = connection.execute(CONNECTIONS).fetchone() or (0, 0, 0)
        self.series["API", "connections"].append(api)
        self.series["worker", "connections"].append(worker)
        self.series["PostgreSQL", "forgotten transactions"].append(forgotten)
