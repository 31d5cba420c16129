"""Operators' writes over REST: new mailboxes one by one, and a batch of 10 000 lines."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Mapping
from itertools import cycle

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from tests.bench.http import serving
from tests.bench.table import Line

DOMAIN, OPERATOR = "bench.mssante.fr", "BENCH"
LINES = 10_000
WANTED_WRITES = 100


def prepare(dsn: str, pepper: str) -> tuple[str, list[str]]:
    """(key of an operator that owns a domain, RPPS of professionals)."""
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO operator (id, name) VALUES (%s, 'BENCH')", [OPERATOR])
        connection.execute(
            "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES ('CN=bench', %s, 'CN=bench')", [OPERATOR]
        )
        connection.execute(
            "INSERT INTO domain (name, certificate, source) VALUES (%s, 'CN=bench', 'liste_blanche')", [DOMAIN]
        )
        rows = connection.execute("SELECT rpps FROM practitioner WHERE register_state = 'active' AND rpps IS NOT NULL")
        people = [rpps for (rpps,) in rows.fetchall()]
        return issue(connection, SecretStr(pepper), "bench", ["publish"], OPERATOR)[1], people


async def writer(port: int, key: str, people: list[str], number: int, until: float) -> list[float]:
    """Latencies in seconds of one client that publishes one mailbox after the other. Raises: one was refused."""
    reader, stream = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    for count, rpps in enumerate(cycle(people[number::101])):
        started = time.perf_counter()
        if started > until:
            break
        body = json.dumps({"type": "PER", "practitioner": rpps, "rank": 1})
        stream.write(
            f"PUT /v1/mailboxes/w{number}.{count}@{DOMAIN} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b" 201 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"not answered with 201: {answer!r}")
        latencies.append(time.perf_counter() - started)
    stream.close()
    await stream.wait_closed()
    return latencies


def batch_rate(port: int, key: str, people: list[str]) -> float:
    """Lines a second of one batch of at most LINES new mailboxes, published when it is answered. Raises: a line was
    refused.
    """
    lines = [
        {"operation": "put", "address": f"b{number}@{DOMAIN}", "type": "PER", "practitioner": rpps}
        for number, rpps in enumerate(people[:LINES])
    ]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/mailboxes/batch",
        "\n".join(map(json.dumps, lines)).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"},
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - our own server
        results = json.load(answer)["results"]
    elapsed = time.perf_counter() - started
    if any(result["status"] != 201 for result in results) or len(results) != len(lines):
        raise RuntimeError("a line of the batch was refused")
    return len(lines) / elapsed


def measure(dsn: str, environment: Mapping[str, str], *, seconds: int) -> list[Line]:
    """Writes a second of 1 and of 8 clients with their 99th percentile, and lines a second of a batch."""
    key, people = prepare(dsn, environment["ANNUAIRE_KEY_PEPPER"])
    ours = {**environment, "ANNUAIRE_PUBLISH_WITH_KEY": "true", "ANNUAIRE_KEY_RATE": "0"}
    lines = []

    async def load(port: int, clients: int, first: int) -> tuple[float, list[float]]:
        started = time.perf_counter()
        until = started + seconds
        found = await asyncio.gather(*(writer(port, key, people, first + n, until) for n in range(clients)))
        return time.perf_counter() - started, sorted(latency for each in found for latency in each)

    with serving(ours) as (port, _):
        for clients, first in ((1, 0), (8, 10)):
            elapsed, latencies = asyncio.run(load(port, clients, first))
            least = WANTED_WRITES if clients > 1 else None
            lines += [
                Line(f"PUT /v1/mailboxes/…, {clients} clients", len(latencies) / elapsed, "/s", least=least),
                Line("  99th percentile", latencies[int(len(latencies) * 0.99)] * 1e3, "ms"),
            ]
        lines.append(Line("POST /v1/mailboxes/batch", batch_rate(port, key, people), "lines/s"))
    return lines
