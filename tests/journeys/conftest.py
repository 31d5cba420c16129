"""One running `annuaire up` for the journeys: as its user starts it, with a small synthetic directory."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.embedded import free_port
from app.settings import PREFIX
from tests.harness.directory import directory

ANNUAIRE = (sys.executable, "-m", "app.cli")
PROFESSIONALS = 300
PATIENCE = 240.0


@dataclass(frozen=True)
class Answer:
    """What HTTP answered: status, headers, and the body as text."""

    status: int
    headers: Message
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A running directory, seen from outside: URLs, command line, and the registry for what only C will write."""

    api: str
    ldap: str
    data_dir: Path
    database_url: str
    files: tuple[Path, ...]
    process: "subprocess.Popen[bytes]"

    def get(self, path: str, key: str | None = None, body: Any = None) -> Answer:
        return self.send("GET" if body is None else "POST", path, key, body)

    def send(self, method: str, path: str, key: str | None = None, body: Any = None) -> Answer:
        request = urllib.request.Request(self.api + path, method=method)  # noqa: S310 - our own server
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode())

    def command(self, *arguments: str, expect: int = 0) -> Any:
        """One `annuaire` command with --json against this directory; its object."""
        done = subprocess.run(
            [*ANNUAIRE, *arguments, "--data-dir", str(self.data_dir), "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def search(self, *arguments: str) -> list[dict[str, list[str]]]:
        """Entries that ldapsearch finds anonymously, each attribute with its values."""
        done = subprocess.run(
            ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.ldap, "-b", "dc=mssante,dc=fr", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode in {0, 4}, done.stderr
        entries: list[dict[str, list[str]]] = []
        for block in done.stdout.strip().split("\n\n"):
            entry: dict[str, list[str]] = {}
            for name, _, value in (line.partition(": ") for line in block.splitlines() if ": " in line):
                entry.setdefault(name, []).append(value)
            if entry:
                entries.append(entry)
        return entries

    def registry(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.database_url, autocommit=True)

    def edition(self) -> int:
        return int(self.get("/v1/edition").json["edition"])

    def ldap_edition(self) -> int:
        return int(self.search("-s", "base", "annuaireEdition")[0]["annuaireEdition"][0])

    def wait_until(self, truth: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not truth():
            assert time.monotonic() < deadline, f"still not: {what}"
            time.sleep(0.1)

    def wait_until_everywhere(self, seconds: float = PATIENCE) -> None:
        """Until nothing is pending and LDAP holds the current edition."""
        with self.registry() as connection:
            self.wait_until(
                lambda: connection.execute("SELECT count(*) FROM pending").fetchone() == (0,),
                "everything published",
                seconds,
            )
        self.wait_until(lambda: self.ldap_edition() == self.edition(), "LDAP at the edition of REST", seconds)


def start(data_dir: Path, *options: str) -> "subprocess.Popen[bytes]":
    """`annuaire up` on free ports, in the environment of a user that set nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    ports = ("--port", str(free_port()), "--ldap-port", str(free_port()))
    return subprocess.Popen(
        [*ANNUAIRE, "up", "--data-dir", str(data_dir), *ports, *options], env=environment, stdout=subprocess.PIPE
    )


def ready(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """The object of the READY line; the process's other lines before it are its own talk."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"READY "):
            found: dict[str, str] = json.loads(line.removeprefix(b"READY "))
            return found
    raise AssertionError(f"annuaire up ended with {process.wait(30)} before READY")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A directory of 300 synthetic professionals, stopped with SIGTERM at the end, which must be clean.

    Each module has one of its own: what a journey writes must not be there for the next, whichever that is.
    """
    with directory() as folder:
        data_dir = folder / "up"
        process = start(data_dir, "--sample", str(PROFESSIONALS))
        try:
            said = ready(process)
            files = tuple(sorted((data_dir / "sample").iterdir()))
            yield Running(said["api"], said["ldap"], Path(said["data_dir"]), said["database_url"], files, process)
            assert process.poll() is None, "annuaire up ended by itself"
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0
