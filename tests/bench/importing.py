"""Imports through the command line, beside PostgreSQL's own COPY of the same bytes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.table import Line

ANNUAIRE = (sys.executable, "-m", "app.cli")
RSS_MB = 300


@dataclass(frozen=True)
class Imported:
    """One run of the import command: seconds of wall time, peak memory of the importer in MB, lines read."""

    seconds: float
    peak_mb: float
    lines: int


def run_import(files: list[Path], environment: Mapping[str, str], *options: str) -> Imported:
    """`annuaire import run` on these files, as a process of its own. Raises when it refuses."""
    started = time.monotonic()
    with subprocess.Popen(
        [*ANNUAIRE, "import", "run", "--json", *options, *map(str, files)], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"the import was refused: {output.decode()}")
    reports = json.loads(output)
    reports = reports if isinstance(reports, list) else [reports]
    return Imported(time.monotonic() - started, usage.ru_maxrss / 1024, sum(r["lines"]["read"] for r in reports))


def raw_copy(dsn: str, files: list[Path]) -> tuple[float, int]:
    """Seconds and lines of the same bytes copied whole into an unlogged table by the server's own parser."""
    lines = 0
    started = time.monotonic()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE UNLOGGED TABLE bench_raw (line text)")
        for file in files:
            with (
                file.open("rb") as source,
                cursor.copy(r"COPY bench_raw FROM STDIN (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01')") as copy,
            ):
                while block := source.read(1 << 18):
                    copy.write(block)
                    lines += block.count(b"\n")
        connection.commit()
        seconds = time.monotonic() - started
        cursor.execute("DROP TABLE bench_raw")
    return seconds, lines


def measure(dsn: str, files: list[Path], next_day: list[Path], environment: Mapping[str, str]) -> list[Line]:
    """First load and next day's full files, registry and publication apart."""
    copy_seconds, copy_lines = raw_copy(dsn, files)
    copy_rate = copy_lines / copy_seconds
    registry = run_import(files, environment, "--no-wait")
    started = time.monotonic()
    drained = run_import(files[:1], environment)
    published_seconds = registry.seconds + time.monotonic() - started
    # A small set loses more than the guard allows in a day; the figures of a large one are the same with it.
    delta = run_import(next_day, environment, "--accept-guard", "shrink")
    peak = max(registry.peak_mb, drained.peak_mb, delta.peak_mb)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM publication").fetchone()
    documents = row[0] if row else 0
    return [
        Line("import, first load, registry", registry.lines / registry.seconds, "rows/s", "raw COPY", copy_rate),
        Line("import, first load, published", registry.lines / published_seconds, "rows/s", "raw COPY", copy_rate),
        Line("publish, first load", documents / (published_seconds - registry.seconds), "documents/s"),
        Line("import, next day, published", delta.lines / delta.seconds, "rows/s", "raw COPY", copy_rate),
        Line("importer, peak memory", peak, "MB", most=RSS_MB),
    ]
