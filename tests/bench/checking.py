"""`python -m tests.bench.checking`: a thousand addresses before they are written to, in an invented directory.

`measure` asks any directory: published addresses, such with a letter missing in their domain, and such that each have a
domain of their own, which is the most that anybody can ask for.
"""

import argparse
import json
import os
import random
import sys
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from app.db import upgrade
from app.embedded import Postgres
from app.search.check_alike import LookAlikes
from app.search.check_reading import KNOWN
from tests.bench.http import UNBOUND, cpu_seconds, serving
from tests.bench.invented import fill
from tests.bench.table import Line, told
from tests.harness.directory import directory

Connection = psycopg.Connection[Any]
NATIONAL, REQUESTS, ADDRESSES = 1_000_000, 100, 1_000
MOST_MS = 300.0
PEPPER = "pepper-of-the-benchmark"
DRAWN = "SELECT key FROM publication WHERE kind = 'mailbox' ORDER BY md5(key) LIMIT %s"
LISTED = "SELECT DISTINCT name FROM domain"
TOUCH = "UPDATE operator SET name = name WHERE id = (SELECT min(id) FROM operator)"


def measure(dsn: str, environment: Mapping[str, str], *, requests: int = REQUESTS) -> list[Line]:
    """Latencies of a thousand addresses a request, one request after the other; and what the index of domains costs."""
    chance = random.Random(1)  # noqa: S311 - a benchmark
    with psycopg.connect(dsn, autocommit=True) as connection:
        addresses = [key for (key,) in connection.execute(DRAWN, [requests * ADDRESSES])]
        listed = [name for (name,) in connection.execute(LISTED)]
        published = [chance.choices(addresses, k=ADDRESSES) for _ in range(requests)]
        alone = _statement(connection, published)
        _, key = issue(connection, SecretStr(PEPPER), "bench", ["read"], None, budget=len(addresses))
        ours = {**environment, **UNBOUND, "ANNUAIRE_KEY_PEPPER": PEPPER, "ANNUAIRE_KEY_RATE": "0"}
        with serving(ours) as (port, pid), closing(HTTPConnection("127.0.0.1", port, timeout=60)) as ask:
            first = _ask(ask, published[0])
            lines = [
                *_lines("published", ask, pid, published, alone),
                *_lines("a letter missing", ask, pid, [_typed(batch, chance) for batch in published], alone),
                *_lines("each in a domain of its own", ask, pid, _foreign(requests), alone),
                *_lines("published, newly charged to a budget", ask, pid, published, alone, key),
                Line("  the first of a process", first, "ms"),
            ]
            connection.execute(TOUCH)
            lines.append(Line("  the first after the list changed", _ask(ask, published[0]), "ms", most=MOST_MS))
    return lines + _index(listed)


def _lines(
    what: str, ask: HTTPConnection, pid: int, batches: Sequence[Sequence[str]], alone: float, key: str | None = None
) -> list[Line]:
    """What these batches take. To be charged is the budget's own cost, and has no limit here."""
    before = cpu_seconds(pid)
    ordered = sorted(_ask(ask, batch, key) for batch in batches)
    cpu = (cpu_seconds(pid) - before) / len(batches)
    most = None if key else MOST_MS
    return [
        Line(f"check of {ADDRESSES}, {what}", ordered[len(ordered) // 2], "ms", "statement alone", alone, most=most),
        Line("  99th percentile", ordered[int(len(ordered) * 0.99)], "ms", most=most),
        Line("  app CPU a request", cpu * 1e3, "ms"),
    ]


def _ask(connection: HTTPConnection, batch: Sequence[str], key: str | None = None) -> float:
    """Milliseconds of one request. Raises: it is not answered with as many results."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    body = json.dumps({"addresses": batch})
    started = time.perf_counter()
    connection.request("POST", "/v1/mailboxes/check", body, headers)
    answer = connection.getresponse().read()
    took = time.perf_counter() - started
    if len(json.loads(answer).get("results", ())) != len(batch):
        raise RuntimeError(f"not answered: {answer[:300]!r}")
    return took * 1e3


def _statement(connection: Connection, batches: Sequence[Sequence[str]]) -> float:
    """Milliseconds of the statement alone, prepared, in the middle."""
    found = []
    for batch in batches:
        started = time.perf_counter()
        parameters = {"addresses": batch, "tombstone": 365}
        connection.execute(KNOWN, parameters, prepare=True).fetchall()
        found.append((time.perf_counter() - started) * 1e3)
    return sorted(found)[len(found) // 2]


def _typed(batch: Sequence[str], chance: random.Random) -> list[str]:
    """The addresses with one letter of their domain left out."""
    made = []
    for address in batch:
        at = chance.randrange(address.index("@") + 1, len(address) - len(".fr"))
        made.append(address[:at] + address[at + 1 :])
    return made


def _foreign(requests: int) -> list[list[str]]:
    return [[f"a@autre-domaine-{batch}-{n}.mssante.fr" for n in range(ADDRESSES)] for batch in range(requests)]


def _index(listed: Sequence[str]) -> list[Line]:
    """What it takes to make the index of look-alikes, and to keep it."""
    started = time.perf_counter()
    LookAlikes(listed)
    took = time.perf_counter() - started
    tracemalloc.start()
    kept = LookAlikes(listed)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    what = f"index of {len(listed):,} domains"
    return [Line(f"{what}, made", took * 1e3, "ms"), Line("  kept", (size + sys.getsizeof(kept)) / 1e6, "MB")]


def run(mailboxes: int, *, requests: int = REQUESTS) -> list[Line]:
    """Every figure, on a PostgreSQL of its own."""
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        upgrade(postgres.dsn())
        with psycopg.connect(postgres.dsn()) as connection:
            fill(connection, mailboxes)
        environment = {**os.environ, "ANNUAIRE_DATABASE_URL": postgres.dsn(), "ANNUAIRE_LOG_LEVEL": "warning"}
        return measure(postgres.dsn(), environment, requests=requests)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.checking", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=NATIONAL)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    return told(run(given.mailboxes), given.out)


if __name__ == "__main__":
    sys.exit(main())
