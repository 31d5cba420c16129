"""`GET /v1/mailboxes/{address}` by 32 kept connections, with the app's own CPU time, beside pgbench."""

import asyncio
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import quote

import psycopg
from pydantic import SecretStr

from app.access.keys import issue
from app.embedded.ports import free_port
from tests.bench import database
from tests.bench.table import Line

CONNECTIONS = 32
REQUESTS = 20_000
# One caller asks what thousands would: what anonymous callers are bound to is not measured.
UNBOUND = {"ANNUAIRE_ANONYMOUS_BUDGET": "0", "ANNUAIRE_ANONYMOUS_RATE": "0"}


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """The API as a process of its own: (port, pid), ready."""
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=dict(environment)) as process:
        try:
            wait_for(process, port, "/readyz")
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def wait_for(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    """Until the server answers there. Raises RuntimeError."""
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("the API ended before it was ready")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError("the API was not ready within 30 seconds")


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - not a path of a file system
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def client(port: int, requests: list[bytes]) -> list[float]:
    """Latencies in seconds of these requests, one after the other on one connection. Raises: an answer is no 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    for request in requests:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"not answered with 200: {head!r}")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - started)
    writer.close()
    await writer.wait_closed()
    return latencies


async def _load(port: int, paths: list[str], headers: str = "") -> tuple[float, list[float]]:
    requests = [f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode() for path in paths]
    started = time.perf_counter()
    done = await asyncio.gather(*(client(port, requests[first::CONNECTIONS]) for first in range(CONNECTIONS)))
    return time.perf_counter() - started, sorted(latency for latencies in done for latency in latencies)


def measure(dsn: str, environment: Mapping[str, str], *, requests: int = REQUESTS, seconds: int) -> list[Line]:
    """Requests a second, CPU a request of the app, and the 99th percentile; and what a key and a budget add."""
    with psycopg.connect(dsn) as connection:
        addresses = [key for (key,) in connection.execute("SELECT key FROM publication WHERE kind = 'mailbox'")]
    chance = random.Random(1)  # noqa: S311 - a benchmark
    paths = [f"/v1/mailboxes/{quote(address)}" for address in chance.choices(addresses, k=requests)]
    limit = database.read_limit(dsn, seconds=seconds)
    with serving({**environment, **UNBOUND}) as (port, pid):
        asyncio.run(_load(port, paths[: requests // 10]))
        free = _measured(port, pid, paths)
    bound = _key(dsn, environment, budget=len(addresses))
    with serving({**environment, "ANNUAIRE_KEY_RATE": "0"}) as (port, pid):
        known = _measured(port, pid, paths, _key(dsn, environment))
        new = _measured(port, pid, paths, bound)
        again = _measured(port, pid, paths, bound)
    return [
        Line("GET /v1/mailboxes/{address}", free.rate, "/s", "pgbench one-row select", limit),
        Line("  app CPU a request", free.cpu, "µs"),
        Line("  99th percentile", free.p99, "µs"),
        Line("  with a key, app CPU a request", known.cpu, "µs", "without", free.cpu),
        Line("  with a budget, who was seen before", again.cpu, "µs", "with a key", known.cpu),
        Line("  with a budget, some seen for the first time", new.cpu, "µs", "with a key", known.cpu),
    ]


class Measured(NamedTuple):
    """Requests a second, CPU µs of the app a request, 99th percentile of the latency in µs."""

    rate: float
    cpu: float
    p99: float


def _measured(port: int, pid: int, paths: list[str], headers: str = "") -> Measured:
    before = cpu_seconds(pid)
    elapsed, latencies = asyncio.run(_load(port, paths, headers))
    cpu = (cpu_seconds(pid) - before) / len(paths)
    return Measured(len(paths) / elapsed, cpu * 1e6, latencies[int(len(latencies) * 0.99)] * 1e6)


def _key(dsn: str, environment: Mapping[str, str], *, budget: int | None = None) -> str:
    """The header of a new key that reads."""
    with psycopg.connect(dsn) as connection:
        _, text = issue(
            connection, SecretStr(environment["ANNUAIRE_KEY_PEPPER"]), "bench", ["read"], None, budget=budget
        )
    return f"Authorization: Bearer {text}\r\n"
