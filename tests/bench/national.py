"""`python -m tests.bench.national`: the nation's files, first load and next day, each stage beside the raw COPY.

The limit is PostgreSQL's own COPY of the same bytes into unlogged tables with the columns of the files: no check, no
comparison, no index. The next day's files are full files in which one line of a hundred changed.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg

from app.db import upgrade
from app.embedded import Postgres
from app.imports.stage import FlushingWriter
from app.sandbox.generate import generate
from tests.bench import http
from tests.bench.memory import watched
from tests.bench.table import Line, told
from tests.harness.directory import directory

NATION = 1_912_833
ANNUAIRE = (sys.executable, "-m", "app.cli")
BLOCK = 262_144
CHANGED = 0.01
REGISTRY_RATIO, PUBLISHED_SECONDS = 12, 300
NEXT_DAY_RATIO, NEXT_DAY_SECONDS = 3, 25
RSS_MB, P99_RATIO = 300, 4
STAGES = ("receive", "read", "compare", "apply", "publish", "tidy")
# Once for the whole command, in the report of each file.
WHOLE = frozenset({"publish", "tidy"})


@dataclass(frozen=True)
class Imported:
    """One command: wall seconds, seconds of each stage over all files, peak memory in MB."""

    seconds: float
    stages: dict[str, float]
    peak_mb: float
    lines: int

    @property
    def registry(self) -> float:
        """Seconds to the last commit of the registry."""
        return self.seconds - self.stages["publish"] - self.stages["tidy"]


def raw_copy(dsn: str, files: list[Path]) -> float:
    """Seconds that the server's own COPY takes for these bytes, cells in columns."""
    seconds = 0.0
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        for path in files:
            with path.open("rb") as file:
                columns, delimiter, quote_character = _form(path, file.readline())
                names = ", ".join(f"c{number} text" for number in range(columns))
                cursor.execute(f"CREATE UNLOGGED TABLE bench_raw ({names})".encode())
                started = time.monotonic()
                statement = f"COPY bench_raw FROM STDIN (FORMAT csv, DELIMITER {delimiter}, QUOTE {quote_character})"
                with cursor.copy(statement.encode(), writer=FlushingWriter(cursor)) as copy:
                    while block := file.read(BLOCK):
                        copy.write(block)
                seconds += time.monotonic() - started
                cursor.execute("DROP TABLE bench_raw")
    return seconds


def _form(path: Path, first: bytes) -> tuple[int, str, str]:
    """(columns, delimiter, quote) of a generated file, by its first line."""
    if path.suffix == ".xml":
        return 1, "E'\\x02'", "E'\\x01'"
    if path.suffix == ".csv":
        return 32, "';'", "'\"'"
    return first.count(b"|") + 1, "'|'", "E'\\x01'"


def run_import(files: list[Path], environment: Mapping[str, str]) -> Imported:
    """`annuaire import run`, as a process of its own, until everything is published. Raises when it refuses."""
    started = time.monotonic()
    done = watched([*ANNUAIRE, "import", "run", "--json", *map(str, files)], environment)
    seconds = time.monotonic() - started
    reports = json.loads(done.said)
    if done.status not in {0, 1}:
        raise RuntimeError(f"the import was refused: {[(each['source'], each['guards']) for each in reports]}")
    stages = {
        stage: max(each["stages"].get(stage, 0.0) for each in reports)
        if stage in WHOLE
        else sum(each["stages"].get(stage, 0.0) for each in reports)
        for stage in STAGES
    }
    return Imported(seconds, stages, done.peak_mb, sum(each["lines"]["read"] for each in reports))


def next_day(files: list[Path], folder: Path) -> list[Path]:
    """The same files a day later: one line of a hundred changed or gone, in the same places at every run."""
    folder.mkdir(exist_ok=True)
    chance = random.Random(7)  # noqa: S311 - a benchmark
    later = []
    for path in files:
        later.append(folder / path.name.replace("202609230200", "202609240200"))
        with path.open("rb") as file, later[-1].open("wb") as out:
            out.write(file.readline())
            for line in file:
                changed = line if chance.random() >= CHANGED else _changed(path.name, line, chance)
                out.write(changed)
    return later


def _changed(name: str, line: bytes, chance: random.Random) -> bytes:
    cells = line.split(b"|")
    if "Personne_activite" in name:
        # What persons are called, and contact data that nobody sees: a site's own cells would change all its people.
        place, value = chance.choice([(8, b"CAMILLE"), (40, b"0100000000")])
    elif "MSSante" in name:
        place, value = 7, b"Service %d" % chance.randrange(99)
    elif "SavoirFaire" in name:
        return b""
    else:
        return line
    cells[place] = value
    return b"|".join(cells)


class Readers:
    """Hot reads of published mailboxes, one connection, until told to stop: their latencies in seconds."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self._port = port
        self._paths = paths
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()))
        self.latencies: list[float] = []

    async def _read(self) -> None:
        chance = random.Random(3)  # noqa: S311 - a benchmark
        while not self._stop.is_set():
            path = chance.choice(self._paths)
            request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
            self.latencies += await http.client(self._port, [request])
            await asyncio.sleep(0.01)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def p99(self) -> float:
        ordered = sorted(self.latencies)
        return ordered[int(len(ordered) * 0.99)]


def run(professionals: int) -> list[Line]:
    """Every figure of the table, on a PostgreSQL of its own with durability on."""
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        _say(f"generating files of {professionals:,} professionals")
        files = [file.path for file in generate(professionals, 1, folder / "day1").files]
        later = next_day(files, folder / "day2")
        upgrade(postgres.dsn())
        environment = {
            **os.environ,
            "ANNUAIRE_DATABASE_URL": postgres.dsn(),
            "ANNUAIRE_KEY_PEPPER": "pepper-of-the-benchmark",
            "ANNUAIRE_LOG_LEVEL": "warning",
            "ANNUAIRE_SNAPSHOT_HOURS": "0",
            # The worker publishes; no LDAP server is fed.
            "ANNUAIRE_LDAP_ENABLED": "false",
        }
        _say("raw COPY")
        copy = raw_copy(postgres.dsn(), files)
        _say("first load")
        first = run_import(files, environment)
        _say("next day, as in a deployment: the API answers, a worker publishes what each file left")
        with http.serving({**environment, **http.UNBOUND}) as (port, _), _working(environment):
            paths = _paths(postgres.dsn())
            with Readers(port, paths) as idle:
                time.sleep(5)
            with Readers(port, paths) as busy:
                second = run_import(later, environment)
    return [*_first(first, copy), *_second(second, copy, idle.p99, busy.p99)]


@contextmanager
def _working(environment: Mapping[str, str]) -> Iterator[None]:
    """`annuaire worker` beside, until the body ends."""
    with subprocess.Popen([*ANNUAIRE, "worker"], env=dict(environment)) as worker:
        try:
            yield
        finally:
            worker.terminate()


def _paths(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT key FROM publication WHERE kind = 'mailbox' ORDER BY key LIMIT 20000")
        return [f"/v1/mailboxes/{quote(key)}" for (key,) in rows]


def _first(imported: Imported, copy: float) -> list[Line]:
    raw = "raw COPY"
    return [
        Line("first load, registry committed", imported.registry, "s", raw, copy, most=copy * REGISTRY_RATIO),
        *(Line(f"  {name}", imported.stages[name], "s", raw, copy) for name in STAGES if name not in WHOLE),
        Line("first load, all published", imported.seconds, "s", raw, copy, most=PUBLISHED_SECONDS),
        *(Line(f"  {name}", imported.stages[name], "s", raw, copy) for name in STAGES if name in WHOLE),
        Line("  lines", imported.lines / imported.registry, "rows/s"),
        Line("importer, peak memory", imported.peak_mb, "MB", most=RSS_MB),
    ]


def _second(imported: Imported, copy: float, idle: float, busy: float) -> list[Line]:
    raw = "raw COPY"
    most = min(copy * NEXT_DAY_RATIO, NEXT_DAY_SECONDS)
    return [
        Line("next day (1 % changed), all published", imported.seconds, "s", raw, copy, most=most),
        *(Line(f"  {name}", imported.stages[name], "s", raw, copy) for name in STAGES),
        Line("next day, importer, peak memory", imported.peak_mb, "MB", most=RSS_MB),
        Line("hot read meanwhile, 99th percentile", busy * 1e3, "ms", "idle", idle * 1e3, most=idle * 1e3 * P99_RATIO),
    ]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.national", description=__doc__)
    parser.add_argument("--professionals", type=int, default=NATION)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    lines = run(given.professionals)
    return told(lines, given.out)


if __name__ == "__main__":
    sys.exit(main())
