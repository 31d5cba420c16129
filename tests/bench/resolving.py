"""`POST /v1/resolve` one after the other on one connection: by RPPS, by structure, by name and department."""

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg

from tests.bench.http import UNBOUND, client, cpu_seconds, serving
from tests.bench.table import Line

QUESTIONS = 2_000
WARM_UP = 100
PEOPLE = """
SELECT document::json ->> 'rpps', document::json ->> 'family', document::json ->> 'given',
  document::json -> 'roles' -> 0 -> 'place' ->> 'department'
FROM publication WHERE kind = 'practitioner' ORDER BY key LIMIT 200000
"""
STRUCTURES = """
SELECT DISTINCT s.organizations[1] FROM mailbox_search s
JOIN publication p ON p.kind = 'organization' AND p.key = s.organizations[1]
"""

Body = Mapping[str, Any]


def measure(dsn: str, environment: Mapping[str, str], *, questions: int = QUESTIONS) -> list[Line]:
    """Median and 99th percentile of each way to name a recipient."""
    with psycopg.connect(dsn) as connection:
        people = connection.execute(PEOPLE).fetchall()
        structures = [key for (key,) in connection.execute(STRUCTURES)]
    chance = random.Random(1)  # noqa: S311 - a benchmark
    drawn = chance.choices([row for row in people if all(row)], k=questions)
    kinds: Mapping[str, list[Body]] = {
        "by RPPS": [{"practitioner": rpps} for rpps, *_ in drawn],
        "by structure": [{"organization": key} for key in chance.choices(structures, k=questions)],
        "by name": [{"family": family, "given": given, "department": place} for _, family, given, place in drawn],
    }
    looked_up = [f"GET /v1/practitioners/{rpps} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() for rpps, *_ in drawn]
    with serving({**environment, **UNBOUND}) as (port, pid):
        limit = _asked(port, pid, looked_up)
        found = {kind: _asked(port, pid, [_request(body) for body in bodies]) for kind, bodies in kinds.items()}
    return [line for kind, asked in found.items() for line in _lines(kind, asked, limit)]


class Asked(NamedTuple):
    """Median and 99th percentile in ms, and µs of the app's own processor time a question."""

    median: float
    p99: float
    cpu: float


def _asked(port: int, pid: int, requests: list[bytes]) -> Asked:
    """The first questions are asked twice, and do not count the first time."""
    asyncio.run(client(port, requests[:WARM_UP]))
    before = cpu_seconds(pid)
    latencies = sorted(latency * 1e3 for latency in asyncio.run(client(port, requests)))
    cpu = (cpu_seconds(pid) - before) / len(requests) * 1e6
    return Asked(latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)], cpu)


def _request(body: Body) -> bytes:
    content = json.dumps({**body, "document": "letter"}).encode()
    head = (
        f"POST /v1/resolve HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    )
    return f"{head}\r\n\r\n".encode() + content


def _lines(kind: str, asked: Asked, limit: Asked) -> list[Line]:
    return [
        Line(f"POST /v1/resolve {kind}, median", asked.median, "ms", "look-up by RPPS", limit.median),
        Line("  99th percentile", asked.p99, "ms", "look-up by RPPS", limit.p99),
        Line("  app CPU a question", asked.cpu, "µs", "look-up by RPPS", limit.cpu),
    ]
