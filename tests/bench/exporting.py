"""`python -m tests.bench.exporting`: exports over HTTP, beside psql's COPY of the same rows in the same run."""

import argparse
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from app.db import upgrade
from app.embedded import Postgres
from app.embedded.binaries import find_postgres
from tests.bench.http import cpu_seconds, serving
from tests.bench.memory import held_mb
from tests.bench.processor import used_by
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
    server = _server(dsn)
    limit, copied = max(_copied(dsn, server) for _ in range(REPEATS))
    with serving(environment) as (port, pid):
        key, at_rest = _key(dsn, environment), held_mb(pid)
        ndjson = max(_exported(port, key, "ndjson", pid, server) for _ in range(REPEATS))
        csv = max(_exported(port, key, "csv", pid, server) for _ in range(REPEATS))
        memory = held_mb(pid) - at_rest
    beside = ("psql COPY of the same rows", limit)
    return [
        Line(f"export of {ndjson.rows:,} mailboxes, NDJSON", ndjson.rate, "rows/s", *beside),
        Line("  app CPU a row", ndjson.cpu, "µs"),
        Line("  PostgreSQL CPU a row", ndjson.server_cpu, "µs", "COPY", copied),
        Line("  the same as CSV", csv.rate, "rows/s", *beside),
        Line("  app CPU a row", csv.cpu, "µs"),
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


class Exported(NamedTuple):
    """Rows a second of one export, and µs a row of the processor: the API's, and PostgreSQL's."""

    rate: float
    rows: int
    cpu: float
    server_cpu: float


def _server(dsn: str) -> int:
    """The process of PostgreSQL, whose descendants serve the connections."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    return int(row[0].split()[0]) if row else 0


def _copied(dsn: str, server: int) -> tuple[float, float]:
    """Rows a second of psql, and µs a row of PostgreSQL's processor."""
    program = Path(find_postgres(None).folder) / "psql"
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM mailbox_search").fetchone()
    rows = row[0] if row else 0
    command = [str(program), "-X", "-q", dsn, "-c", COPY]
    before, began = used_by(server), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=600)
    return rows / (time.perf_counter() - began), (used_by(server) - before) / rows * 1e6


def _exported(port: int, key: str, form: str, pid: int, server: int) -> Exported:
    """Read an export to its end, as a client that keeps nothing. Raises: it is not whole."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/exports/mailboxes?format={form}", headers={"Authorization": f"Bearer {key}"}
    )
    before, server_before, began = cpu_seconds(pid), used_by(server), time.perf_counter()
    lines, last = 0, b""
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - our own server
        while block := answer.read(BYTES_AT_ONCE):
            lines += block.count(b"\n")
            last = (last + block)[-200:]
    elapsed, rows = time.perf_counter() - began, lines - (2 if form == "csv" else 1)
    if b'{"end":true' not in last and b"#end;" not in last:
        raise RuntimeError(f"the export is not whole: {last!r}")
    cpu, server_cpu = cpu_seconds(pid) - before, used_by(server) - server_before
    return Exported(rows / elapsed, rows, cpu / rows * 1e6, server_cpu / rows * 1e6)


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
