"""Uploads to the API as a process of its own: its memory stays flat, and a sender who leaves leaves nothing."""

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.embedded import free_port
from app.settings import PREFIX, Settings
from tests.imports_http.conftest import PATIENCE, Headers
from tests.imports_http.test_worker_killed import until, worker

MEGABYTE = 1_048_576
SENT = 64
GROWTH = 30 * MEGABYTE
TAKES = 8 * MEGABYTE


@dataclass(frozen=True)
class Serving:
    """`annuaire serve` on a port of this machine."""

    pid: int
    port: int

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def peak(self) -> int:
        """The most memory that the process ever held, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        return 1_024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


@pytest.fixture
def serving(api_settings: Settings) -> Iterator[Serving]:
    port = free_port()
    given = {
        "database_url": api_settings.database_url,
        "database_pool": "2",
        "key_pepper": api_settings.key_pepper.get_secret_value(),
        "log_level": "error",
        "spool_dir": str(api_settings.spool_dir),
    }
    environment = {**os.environ, **{f"{PREFIX}{name.upper()}": value for name, value in given.items()}}
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "serve", "--port", str(port)], env=environment)
    try:
        until(lambda: _answers(port), "the API answers")
        yield Serving(process.pid, port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def handed_in(serving: Serving, admin: Headers, megabytes: int) -> str:
    """The run of a file of zeros."""
    block = bytes(MEGABYTE)
    headers = {**admin, "Content-Length": str(megabytes * MEGABYTE)}
    with closing(serving.connection()) as connection:
        connection.request("POST", "/v1/imports?name=zeros.txt", (block for _ in range(megabytes)), headers)
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == 202
    return str(json.loads(body)["run"])


def test_memory_does_not_grow_with_the_file(serving: Serving, admin: Headers, api_settings: Settings) -> None:
    handed_in(serving, admin, 1)  # what a first upload needs once is no growth
    before = serving.peak()
    run = handed_in(serving, admin, SENT)
    assert serving.peak() - before < GROWTH
    assert (api_settings.spool_dir / run / "zeros.txt").stat().st_size == SENT * MEGABYTE
    with worker(api_settings):
        until(lambda: not list(api_settings.spool_dir.glob("*-upload-*")), "the worker has refused both")


def test_a_sender_who_leaves_leaves_nothing(serving: Serving, admin: Headers, spool_dir: Path) -> None:
    connection = serving.connection()
    connection.putrequest("POST", "/v1/imports")
    for name, value in {**admin, "Content-Length": str(TAKES)}.items():
        connection.putheader(name, value)
    connection.endheaders(bytes(2 * MEGABYTE))
    until(lambda: bool(list(spool_dir.glob("*.part/*"))), "the file comes in")
    connection.close()
    until(lambda: list(spool_dir.iterdir()) == [], "the file is gone")


def test_a_file_that_is_not_wanted_is_not_waited_for(serving: Serving, admin: Headers, spool_dir: Path) -> None:
    # The answer comes although no byte of the body was sent.
    for headers, status in (({}, 401), ({**admin, "Content-Length": str(1 << 40)}, 413)):
        with closing(serving.connection()) as connection:
            connection.putrequest("POST", "/v1/imports")
            for name, value in {"Content-Length": "1000", **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
        assert answer.status == status
    assert not spool_dir.exists()
