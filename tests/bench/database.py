"""Limits and single writes, by pgbench on the same server."""

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg

from app.embedded.binaries import find_postgres
from tests.bench.table import Line

WANTED_WRITES = 300

READ = """\\set n random(1, :rows)
SELECT document FROM bench_row WHERE n = :n;
"""
# What a single published write does: one registry row, its publication under the lock, one commit.
WRITE = """\\set n random(1, :rows)
BEGIN;
UPDATE mailbox SET service = 'B' || clock_timestamp()::text
  WHERE address = (SELECT address FROM bench_address WHERE n = :n);
SELECT publish(ARRAY['mailbox'], ARRAY[(SELECT address FROM bench_address WHERE n = :n)]);
COMMIT;
"""


def pgbench(dsn: str, script: str, *, clients: int, rows: int, seconds: int) -> float:
    """Transactions a second of one prepared script."""
    program = Path(find_postgres(None).folder) / "pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        options = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-D", f"rows={rows}"]
        answer = subprocess.run(
            [str(program), *options, "-f", file.name, dsn], capture_output=True, text=True, check=True, timeout=120
        )
    found = re.search(r"tps = ([0-9.]+)", answer.stdout)
    if found is None:
        raise RuntimeError(f"pgbench said nothing of its rate: {answer.stdout}")
    return float(found[1])


def read_limit(dsn: str, *, seconds: int) -> float:
    """Prepared one-row selects a second at 32 connections: what no channel can exceed."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "CREATE TABLE bench_row AS"
            " SELECT row_number() OVER () AS n, document FROM publication WHERE kind = 'mailbox'"
        )
        connection.execute("ALTER TABLE bench_row ADD PRIMARY KEY (n)")
        row = connection.execute("SELECT count(*) FROM bench_row").fetchone()
        connection.execute("ANALYZE bench_row")
    rate = pgbench(dsn, READ, clients=32, rows=row[0] if row else 1, seconds=seconds)
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE bench_row")
    return rate


def measure_writes(dsn: str, *, seconds: int) -> list[Line]:
    """Single published writes a second, by 1 and by 8 writers, beside the same update unpublished."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "CREATE TABLE bench_address AS"
            " SELECT row_number() OVER () AS n, key AS address FROM publication WHERE kind = 'mailbox'"
        )
        connection.execute("ALTER TABLE bench_address ADD PRIMARY KEY (n)")
        row = connection.execute("SELECT count(*) FROM bench_address").fetchone()
        connection.execute("ANALYZE bench_address, mailbox, publication")
    rows = row[0] if row else 1
    unpublished = re.sub(r"SELECT publish.*\n", "", WRITE)
    lines = []
    for clients in (1, 8):
        limit = pgbench(dsn, unpublished, clients=clients, rows=rows, seconds=seconds)
        rate = pgbench(dsn, WRITE, clients=clients, rows=rows, seconds=seconds)
        lines.append(
            Line(f"published writes, {clients} writers", rate, "/s", "same, unpublished", limit, least=WANTED_WRITES)
        )
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE bench_address")
    return lines
