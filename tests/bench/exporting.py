"""`python -m tests.bench.exporting`: exports over HTTP, beside psql's COPY of the same rows in the same run."""

import argparse
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from app.db import upgrade
from app.embedded import Postgres
from app.embedded.binaries import find_postgres
from tests.bench.http import cpu_seconds, serving
from tests.bench.memory import held_mb
from tests.bench.table import Line, told
from tests.builders import a_small_directory
from tests.harness.directory import directory

# Of the national extraction of January 2026.
NATIONAL = 536_601
REPEATS = 3
MOST_MB = 50.0
BYTES_AT_ONCE = 1_048_576
# The quote that never occurs keeps the bytes of the documents as they are.
COPY = """COPY (SELECT p.document FROM mailbox_search s JOIN publication p ON p.kind = 'mailbox' AND p.key = s.key
ORDER BY s.key) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"""
# One published mailbox again and again, under addresses that lie anywhere in the order.
REPEATED = """
CREATE TEMPORARY TABLE repeated AS
SELECT md5(n::text) || p.key AS key, n AS number, p.document, p.published_at,
  s.domain, s.type, s.practitioners, s.organizations
FROM publication p JOIN mailbox_search s ON p.kind = 'mailbox' AND s.key = p.key, generate_series(2, %s::int) AS g (n)
"""
PUBLISHED = """
INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
SELECT 'mailbox', key, replace(document, '"address":"', '"address":"' || left(key, 32)), sha256(key::bytea),
  number + 10, published_at FROM repeated
"""
FOUND = "INSERT INTO mailbox_search SELECT key, domain, type, practitioners, organizations FROM repeated"


def measure(dsn: str, environment: Mapping[str, str]) -> list[Line]:
    """Rows a second of all mailboxes in either form, what a row costs the API, and the memory that it took."""
    limit = max(_copied(dsn) for _ in range(REPEATS))
    with serving(environment) as (port, pid):
        key, at_rest = _key(dsn, environment), held_mb(pid)
        rows, ndjson, cpu = _best(port, pid, key, "ndjson")
        _, csv, csv_cpu = _best(port, pid, key, "csv")
        memory = held_mb(pid) - at_rest
    beside = ("psql COPY of the same rows", limit)
    return [
        Line(f"export of {rows:,} mailboxes, NDJSON", ndjson, "rows/s", *beside),
        Line("  app CPU a row", cpu, "µs"),
        Line("  the same as CSV", csv, "rows/s", *beside),
        Line("  app CPU a row", csv_cpu, "µs"),
        Line("  memory that they took, at most", memory, "MB", most=MOST_MB),
    ]


def run(mailboxes: int) -> list[Line]:
    """The same of an invented directory of so many mailboxes, on a PostgreSQL of its own."""
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        upgrade(postgres.dsn())
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            a_small_directory(connection)
            connection.execute(REPEATED, [mailboxes])
            connection.execute(PUBLISHED)
            connection.execute(FOUND)
            connection.execute("VACUUM ANALYZE publication, mailbox_search")
        environment = {
            **os.environ,
            "ANNUAIRE_DATABASE_URL": postgres.dsn(),
            "ANNUAIRE_KEY_PEPPER": "pepper-of-the-benchmark",
            "ANNUAIRE_LOG_LEVEL": "warning",
        }
        return measure(postgres.dsn(), environment)


def _copied(dsn: str) -> float:
    """Rows a second of psql."""
    program = Path(find_postgres(None).folder) / "psql"
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM mailbox_search").fetchone()
    began = time.perf_counter()
    command = [str(program), "-X", "-q", dsn, "-c", COPY]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=600)
    return (row[0] if row else 0) / (time.perf_counter() - began)


def _best(port: int, pid: int, key: str, form: str) -> tuple[int, float, float]:
    """(rows, rows a second, µs of the API's processor a row) of the fastest of several exports."""
    found = []
    for _ in range(REPEATS):
        before, began = cpu_seconds(pid), time.perf_counter()
        lines = _exported(port, key, form)
        elapsed, rows = time.perf_counter() - began, lines - (2 if form == "csv" else 1)
        found.append((rows / elapsed, rows, (cpu_seconds(pid) - before) / rows * 1e6))
    rate, rows, cpu = max(found)
    return rows, rate, cpu


def _exported(port: int, key: str, form: str) -> int:
    """Read an export to its end, as a client that keeps nothing: its lines. Raises: it is not whole."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/exports/mailboxes?format={form}", headers={"Authorization": f"Bearer {key}"}
    )
    lines, last = 0, b""
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - our own server
        while block := answer.read(BYTES_AT_ONCE):
            lines += block.count(b"\n")
            last = (last + block)[-200:]
    if b'{"end":true' not in last and b"#end;" not in last:
        raise RuntimeError(f"the export is not whole: {last!r}")
    return lines


def _key(dsn: str, environment: Mapping[str, str]) -> str:
    with psycopg.connect(dsn) as connection:
        _, text = issue(connection, SecretStr(environment["ANNUAIRE_KEY_PEPPER"]), "bench", ["read"], None)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exporting", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=NATIONAL)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    return told(run(given.mailboxes), given.out)


if __name__ == "__main__":
    sys.exit(main())
