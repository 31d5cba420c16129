"""`python -m tests.bench.http_table`: each hot read, beside pgbench's limit and a bare ASGI route of the same run."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psycopg

from app.db import upgrade
from app.embedded import Postgres, free_port
from app.sandbox.generate import generate
from tests.bench import database, load_client
from tests.bench.http import UNBOUND, serving, wait_for
from tests.bench.importing import run_import
from tests.bench.load_client import load
from tests.bench.processor import used_by
from tests.bench.table import Line, told
from tests.harness.directory import directory

# Performance.md §5, §11: of two free cores.
MOST_CPU, MOST_P99, LEAST_OF_LIMIT, LEAST_IDS = 160, 20_000, 0.12, 35_000
CONNECTIONS = (1, 32)
ASKED = 2_000


class Case(NamedTuple):
    """Requests of one kind, the status of their answers, and how many resources each asks for."""

    what: str
    requests: Sequence[bytes]
    status: int = 200
    ids: int = 1


class Measured(NamedTuple):
    """Answers a second, CPU µs of the app an answer, 99th percentile in µs: each the best of some runs."""

    rate: float
    cpu: float
    p99: float


class Length(NamedTuple):
    """How long each run takes, and how many runs the best is taken of."""

    seconds: int = 4
    times: int = 3


def measured(port: int, pid: int, case: Case, connections: int, length: Length) -> Measured:
    runs = []
    for _ in range(length.times):
        before = used_by(pid)
        done = load(port, case.requests, case.status, connections, length.seconds)
        cpu = (used_by(pid) - before) / max(done.answers, 1) * 1e6
        runs.append(Measured(done.answers / done.seconds, cpu, done.p99))
    return Measured(max(each.rate for each in runs), min(each.cpu for each in runs), min(each.p99 for each in runs))


def cases(dsn: str) -> list[Case]:
    """What is asked: other resources each time, chosen by a digest of their keys."""
    with psycopg.connect(dsn) as connection:

        def column(statement: str) -> list[str]:
            return [value for (value,) in connection.execute(f"{statement} LIMIT {ASKED}".encode())]

        of_kind = "SELECT key FROM publication WHERE kind = '{}' ORDER BY md5(key)"
        addresses, people = column(of_kind.format("mailbox")), column(of_kind.format("practitioner"))
        sites = column("SELECT alias FROM alias WHERE kind = 'organization' AND length(alias) = 9 ORDER BY md5(alias)")
        tags = column(
            "SELECT '\"' || sequence || '-' || encode(substr(fingerprint, 1, 8), 'hex') || '\"' FROM publication"
            " WHERE kind = 'mailbox' ORDER BY md5(key)"
        )
    held = [get("mailboxes", key, f"If-None-Match: {tag}\r\n") for key, tag in zip(addresses, tags, strict=True)]
    batches = [(size, [addresses[at % len(addresses)] for at in range(size)]) for size in (100, 1_000)]
    return [
        Case("mailbox by address", [get("mailboxes", key) for key in addresses]),
        Case("practitioner by RPPS", [get("practitioners", key[1:]) for key in people if key.startswith("8")]),
        Case("organization by FINESS", [get("organizations", key) for key in sites]),
        Case("mailbox, 304", held, 304),
        Case("mailbox, 404", [get("mailboxes", f"n{at}@ch-exemple.mssante.fr") for at in range(ASKED)], 404),
        *(Case(f"batch of {size} addresses", [post("mailboxes", asked)], 200, size) for size, asked in batches),
    ]


def get(kind: str, key: str, headers: str = "") -> bytes:
    return f"GET /v1/{kind}/{quote(key)} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()


def post(kind: str, addresses: Sequence[str]) -> bytes:
    body = '{"addresses":["' + '","'.join(addresses) + '"]}'
    head = f"POST /v1/{kind}/lookup HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """The bare route on the server that we use: (port, pid)."""
    port = free_port()
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"]
    command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app", "--log-level", "warning", *options]
    with subprocess.Popen(command) as process:
        try:
            wait_for(process, port, "/")
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def lines_of(case: Case, found: Measured, connections: int, workers: int, limit: float, cpu: float) -> list[Line]:
    """The lines of one case; what is wanted is wanted at 32 connections, the ratio to pgbench of all workers."""
    is_full = connections == max(CONNECTIONS)
    what = f"{case.what}, {connections} conn., {workers} proc."
    if case.ids > 1:
        ids = Line(f"{what}, ids", found.rate * case.ids, "/s", least=LEAST_IDS if is_full else None)
        return [ids, Line("  app CPU an id", found.cpu / case.ids, "µs")]
    is_hit = is_full and case.status == 200
    return [
        Line(what, found.rate, "/s", "pgbench", limit, least=LEAST_OF_LIMIT * limit if is_hit else None),
        Line("  app CPU a request", found.cpu, "µs", "bare ASGI", cpu, most=MOST_CPU if is_full else None),
        Line("  99th percentile", found.p99, "µs", most=MOST_P99 if is_hit else None),
    ]


def measure(
    dsn: str, environment: Mapping[str, str], length: Length, workers: Sequence[int], connections: Sequence[int]
) -> list[Line]:
    """Every case by these numbers of clients, on each of these numbers of processes."""
    limit = database.read_limit(dsn, seconds=length.seconds)
    nothing = Case("bare", [get("mailboxes", "x")])
    with bare() as (port, pid):
        alone = {each: measured(port, pid, nothing, each, length) for each in connections}
    asked = cases(dsn)
    lines = [
        Line(f"bare ASGI route, {each} conn.", found.rate, "/s", "pgbench", limit) for each, found in alone.items()
    ]
    for number in workers:
        with serving({**environment, **UNBOUND, "ANNUAIRE_WORKERS": str(number)}) as (port, pid):
            load(port, asked[0].requests, 200, max(CONNECTIONS), 1)
            for case in asked:
                for each in connections:
                    found = measured(port, pid, case, each, length)
                    lines += lines_of(case, found, each, number, limit, alone[each].cpu)
    return lines


def run(
    professionals: int, length: Length, workers: Sequence[int], connections: Sequence[int] = CONNECTIONS
) -> list[Line]:
    """The same on a directory of its own of so many invented professionals."""
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        upgrade(postgres.dsn())
        environment = {
            **os.environ,
            "ANNUAIRE_DATABASE_URL": postgres.dsn(),
            "ANNUAIRE_KEY_PEPPER": "pepper-of-the-benchmark",
            "ANNUAIRE_LOG_LEVEL": "warning",
        }
        run_import([file.path for file in generate(professionals, 1, folder / "files").files], environment)
        return measure(postgres.dsn(), environment, length, workers, connections)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.http_table", description=__doc__)
    parser.add_argument("--professionals", type=int, default=60_000)
    parser.add_argument("--seconds", type=int, default=Length().seconds, help="length of each run")
    parser.add_argument("--times", type=int, default=Length().times, help="runs of each; the best counts")
    parser.add_argument("--workers", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    sys.stderr.write(f"asked by {load_client.name()}; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    lines = run(given.professionals, Length(given.seconds, given.times), given.workers)
    sys.stderr.write(f"load of the machine after: {os.getloadavg()[0]:.1f}\n")
    return told(lines, given.out)


if __name__ == "__main__":
    sys.exit(main())
