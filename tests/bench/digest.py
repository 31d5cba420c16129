"""`python -m tests.bench.digest`: the digest of an invented publication, beside a scan of the same index alone."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg

from app.db import upgrade
from app.embedded import Postgres
from app.publication.digest import Reckoned, reckon, reckon_whole
from app.publication.digest_keeping import keep, prepare
from app.publication.digest_tree import Tree
from tests.bench.table import Line, rendered
from tests.harness.directory import directory

Connection = psycopg.Connection[Any]
# Of seven resources four are people, two mailboxes, one a structure, as in the nation: 2 000 000, 1 000 000, 500 000.
NATIONAL = 3_500_000
MOST_SECONDS = 2.0
FILL = """
INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)
SELECT x.kind, x.key, rpad('{"key":"' || x.key || '"}', 300), sha256(convert_to(x.key, 'UTF8')), x.i, now()
FROM (
  SELECT i, CASE WHEN i %% 7 < 4 THEN 'practitioner' WHEN i %% 7 < 6 THEN 'mailbox' ELSE 'organization' END AS kind,
    CASE WHEN i %% 7 < 4 THEN '8' || (10000000000 + i * 4999) WHEN i %% 7 < 6 THEN 'prenom.nom' || i || '@ch.mssante.fr'
      ELSE '1' || lpad(i::text, 9, '0') END AS key
  FROM generate_series(1, %(count)s::bigint) AS g (i)
) x
"""
LOG = """
INSERT INTO change (sequence, kind, key, operation)
SELECT %(count)s + 1 - row_number() OVER (), p.kind, p.key, 'put'
FROM (SELECT kind, key FROM publication ORDER BY sha256(convert_to(key, 'UTF8')) LIMIT %(log)s) p
"""
SCAN = "SELECT count(*), sum(length(fingerprint)) FROM (SELECT slot, fingerprint FROM publication ORDER BY slot) x"


def fill(connection: Connection, count: int, log: int) -> None:
    """So many resources, and a log of changes of some of them anywhere."""
    connection.execute(FILL, {"count": count})
    connection.execute(LOG, {"count": count, "log": log})
    connection.execute("UPDATE directory SET edition = %s", (count,))
    connection.execute("ANALYZE change, publication")


def seconds(work: Callable[[], object]) -> float:
    """The best of three."""
    found: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def run(count: int) -> list[Line]:
    """Every figure, on a PostgreSQL of its own."""
    changes = [1, 100, 1_000, 10_000]
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        upgrade(postgres.dsn())
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            fill(connection, count, max(changes) + 1)
            started = time.perf_counter()
            prepare(connection)
            vacuum = time.perf_counter() - started
            scan = seconds(lambda: connection.execute(SCAN).fetchone())
            whole = seconds(lambda: reckon_whole(connection))
            held = keep(connection)
            kept = seconds(lambda: reckon(connection))
            lines = [
                Line("vacuum before the first digest", vacuum, "s"),
                Line("digest, all slots", whole, "s", "index scan alone", scan, most=MOST_SECONDS),
                Line("digest, tree kept, as a process starts", kept, "s", "index scan alone", scan, most=MOST_SECONDS),
            ]
            for number in changes:
                before = Reckoned(count - number, held.epoch, held.tree)
                took = seconds(lambda before=before: _same(reckon(connection, before), held.tree))  # type: ignore[misc]
                what = f"digest, {number:,} changes later"
                lines.append(Line(what, took, "s", "index scan alone", scan, most=MOST_SECONDS))
    return lines


def _same(found: Reckoned, tree: Tree) -> None:
    if found.tree != tree:
        raise AssertionError("the tree that follows the log is not that of all rows")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.digest", description=__doc__)
    parser.add_argument("--resources", type=int, default=NATIONAL)
    lines = run(parser.parse_args().resources)
    sys.stdout.write(rendered(lines) + "\n")
    return 0 if all(line.passes for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
