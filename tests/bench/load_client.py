"""Kept connections that ask as fast as they are answered: by wrk (Debian), which hardly costs, else from Python."""

import asyncio
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

# Each of a run's requests stands in the script once. Strings of JSON are strings of Lua as long as they are ASCII.
SCRIPT = """local asked = {{ {requests} }}
local at = 0
request = function() at = at % #asked + 1; return asked[at] end
done = function(summary, latency)
  io.write(string.format('\\n{{"answers": %d, "seconds": %f, "p99": %f, "refused": %d, "lost": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


class Load(NamedTuple):
    """What came back: answers, in how many seconds, and the 99th percentile of their latency in µs."""

    answers: int
    seconds: float
    p99: float


def name() -> str:
    """The client that `load` uses."""
    return "wrk" if shutil.which("wrk") else "a client in Python"


def load(port: int, requests: Sequence[bytes], status: int, connections: int, seconds: int) -> Load:
    """Ask these in turn for so long. Raises RuntimeError: answered with another status, or not at all."""
    _require_status(port, requests[0], status)
    if shutil.which("wrk"):
        return _by_wrk(port, requests, status, connections, seconds)
    return asyncio.run(_by_python(port, requests, status, connections, seconds))


def _require_status(port: int, request: bytes, status: int) -> None:
    async def once() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _answered(reader, writer, request, status)
        writer.close()
        await writer.wait_closed()

    asyncio.run(once())


def _by_wrk(port: int, requests: Sequence[bytes], status: int, connections: int, seconds: int) -> Load:
    texts = ",".join(json.dumps(request.decode("ascii")) for request in requests)
    with tempfile.NamedTemporaryFile("w", suffix=".lua", newline="") as file:
        file.write(SCRIPT.format(requests=texts))
        file.flush()
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "30s",
            "-s",
            file.name,
            f"http://127.0.0.1:{port}",
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    told = json.loads(answer.stdout.splitlines()[-1])
    if told["lost"] or told["refused"] != (told["answers"] if status >= HTTPStatus.BAD_REQUEST else 0):
        raise RuntimeError(f"not all were answered with {status}: {told}")
    return Load(told["answers"], told["seconds"], told["p99"])


async def _by_python(port: int, requests: Sequence[bytes], status: int, connections: int, seconds: int) -> Load:
    started, latencies = time.perf_counter(), list[float]()

    async def ask(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in itertools.cycle([*requests[first:], *requests[:first]]):
            begun = time.perf_counter()
            if begun - started > seconds:
                break
            await _answered(reader, writer, request, status)
            latencies.append(time.perf_counter() - begun)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(ask(number * len(requests) // connections) for number in range(connections)))
    latencies.sort()
    return Load(len(latencies), time.perf_counter() - started, latencies[int(len(latencies) * 0.99)] * 1e6)


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, status: int) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if f" {status} ".encode() not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"not answered with {status}: {head!r}")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
