"""`annuaire serve` in several processes: one port, one set of counters, an end for all of them."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded.ports import free_port
from app.settings import Settings

PATIENCE = 60.0


@contextmanager
def served(settings: Settings, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The command on a port of its own, ready: (process, URL)."""
    port = free_port()
    environment = {
        **os.environ,
        "ANNUAIRE_DATABASE_URL": settings.database_url,
        "ANNUAIRE_KEY_PEPPER": "pepper-of-the-tests",
        "ANNUAIRE_DATABASE_POOL": "1",
        "ANNUAIRE_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), *options]
    with subprocess.Popen(command, env=environment) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            until_ready(url)
            yield process, url
        finally:
            process.terminate()
            process.wait(PATIENCE)


def until_ready(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            asked(url, "/readyz")
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it does not become ready")


def asked(url: str, path: str) -> str:
    with urllib.request.urlopen(url + path, timeout=30) as answer:  # noqa: S310 - our own port
        text: str = answer.read().decode()
        return text


def workers_of(pid: int) -> set[int]:
    """Children that were started to serve; another one only counts what they share."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in command:
            found.add(int(path.name))
    return found


def test_any_of_two_processes_tells_the_counters_of_both_and_a_lost_one_is_replaced(settings: Settings) -> None:
    with served(settings, "--workers", "2") as (process, url):
        before = workers_of(process.pid)
        assert len(before) == 2
        for _ in range(40):
            asked(url, "/healthz")
        counted = 'annuaire_http_requests_total{method="GET",route="/healthz",status="200"} 40.0'
        deadline = time.monotonic() + PATIENCE
        while counted not in asked(url, "/metrics"):  # a request is counted after its answer
            assert time.monotonic() < deadline
        for _ in range(6):
            metrics = asked(url, "/metrics")
            assert counted in metrics
            assert len(re.findall(r"^annuaire_edition ", metrics, re.MULTILINE)) == 1
        os.kill(min(before), signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while not workers_of(process.pid) - before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        until_ready(url)
    assert [pid for pid in before if Path(f"/proc/{pid}").exists()] == []


def test_one_process_is_the_command_itself(settings: Settings) -> None:
    with served(settings) as (process, url):
        assert workers_of(process.pid) == set()
        asked(url, "/healthz")
