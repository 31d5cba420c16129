"""`annuaire up` as people meet it: from the command to READY, through accidents, to an orderly end."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.embedded import free_port
from app.embedded.process import inhabitants, last_lines
from tests.embedded.servers import is_alive, wait_for

ORDER = ["api", "worker", "slapd", "postgres"]


class Up:
    """One `annuaire up` in a process group of its own, its words in two files."""

    def __init__(self, data_dir: Path, notes: Path, *options: str) -> None:
        self.data_dir = data_dir
        self.port, self.ldap_port = free_port(), free_port()
        self._options = options
        self._out, self._err = notes / "out", notes / "err"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        ports = ["--port", str(self.port), "--ldap-port", str(self.ldap_port)]
        command = [*ANNUAIRE, "up", "--data-dir", str(self.data_dir), *ports, *self._options]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
        return self.process

    @property
    def said(self) -> str:
        return self._err.read_text(encoding="utf-8")

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    def ready(self) -> dict[str, str]:
        wait_for(lambda: "}" in self.out or self.process.poll() is not None, "READY", self.account)
        assert self.process.poll() is None, self.account()
        line = self.out
        assert line.count("\n") == 1
        told: dict[str, str] = json.loads(line.removeprefix("READY "))
        return told

    def account(self) -> str:
        """What it and its children said, for a test that failed."""
        logs = sorted((self.data_dir / "log").glob("*.log"))
        return "\n".join([self.said, *(f"{log.name}: {last_lines(log)}" for log in logs)])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def children(self) -> dict[str, int]:
        """Process ids by what they are."""
        answer = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=True
        )
        found = {}
        for line in answer.stdout.splitlines():
            pid, _, arguments = line.strip().partition(" ")
            words = {"slapd": "/slapd ", "postgres": "/postgres ", "worker": " worker", "api": " serve "}
            found.update({name: int(pid) for name, word in words.items() if word in f"{arguments} "})
        return found


ANNUAIRE = (sys.executable, "-P", "-m", "app.cli")


def annuaire(*arguments: str) -> tuple[int, Any, str]:
    """Exit code, the JSON on stdout, stderr."""
    answer = subprocess.run([*ANNUAIRE, *arguments], capture_output=True, text=True, check=False, timeout=120)
    return answer.returncode, json.loads(answer.stdout or "null"), answer.stderr


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def running(open_dir: Path, tmp_path: Path) -> Iterator[Up]:
    up = Up(open_dir / "var", tmp_path)
    yield up
    if up.process.poll() is None:
        up.stop()


def test_it_reaches_ready_survives_its_children_and_stops_in_order(running: Up) -> None:
    told = running.ready()
    assert told["api"] == f"http://127.0.0.1:{running.port}"
    assert told["ldap"] == f"ldap://127.0.0.1:{running.ldap_port}"
    assert told["data_dir"] == str(running.data_dir)
    assert status(running.port, "/readyz") == 200
    with psycopg.connect(told["database_url"]) as connection:
        connection.execute("SELECT edition FROM directory")
    assert (running.data_dir / "run.json").stat().st_mode & 0o777 == 0o600

    code, findings, _ = annuaire("doctor", "--json", "--data-dir", str(running.data_dir))
    assert (code, findings["ok"]) == (0, True)
    code, refused, words = annuaire(
        "up", "--json", "--data-dir", str(running.data_dir), "--port", str(free_port()), "--ldap-port", str(free_port())
    )
    assert (code, refused["error"]["code"]) == (2, "data_dir.in_use")
    assert words.count("\n") == 1

    before = running.children()
    assert set(before) == set(ORDER)
    for name in ORDER:
        os.kill(before[name], signal.SIGKILL)
        wait_for(lambda name=name: f"{name} is started again" in running.said, f"{name} again")  # type: ignore[misc]
        assert f"{name} died (signal 9): starting it again" in running.said
    wait_for(lambda: status_or_none(running.port, "/readyz") == 200, "an API that answers again")
    after = running.children()

    assert running.stop() == 0
    stopped = [line.split()[-1] for line in running.said.splitlines() if "stopping" in line]
    assert [name for name in stopped if name in ORDER] == ORDER
    assert not any(map(is_alive, after.values()))
    assert not (running.data_dir / "run.json").exists()


def status_or_none(port: int, path: str) -> int | None:
    try:
        return status(port, path)
    except (OSError, http.client.HTTPException):
        return None


def test_a_ctrl_c_in_the_terminal_is_heard_by_the_supervisor_alone(running: Up) -> None:
    running.ready()
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.process.wait(60) == 0
    assert "died" not in running.said


def test_after_kill_9_nothing_lives_on_and_a_next_start_continues(running: Up) -> None:
    told = running.ready()
    with psycopg.connect(told["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    children = running.children()
    running.process.kill()
    running.process.wait(30)
    wait_for(lambda: not any(map(is_alive, children.values())), "the children to follow")
    running.start()
    again = running.ready()
    with psycopg.connect(again["database_url"]) as connection:
        row = connection.execute("SELECT answer FROM kept").fetchone()
    assert row == (42,)


def test_stopped_before_ready_it_is_interrupted_and_leaves_nothing(running: Up) -> None:
    wait_for((running.data_dir / "pg" / "data" / "postmaster.pid").exists, "PostgreSQL to be there")
    assert running.stop(signal.SIGINT) == 3
    assert running.out == ""
    assert inhabitants(running.data_dir / "pg" / "data") == []


def test_below_a_directory_that_only_its_owner_may_enter_and_120_characters_deep(
    open_dir: Path, tmp_path: Path
) -> None:
    closed = open_dir / "closed"
    closed.mkdir(0o700)
    deep = closed / ("d" * (119 - len(str(closed))))
    assert len(str(deep)) == 120
    up = Up(deep, tmp_path)
    try:
        up.ready()
        home = (deep / "pg").resolve().parent
        assert (home == deep) == (os.geteuid() != 0)
        assert len([line for line in up.said.splitlines() if "engine data go to" in line]) == int(home != deep)
        assert up.stop() == 0
        up.start()
        up.ready()
    finally:
        up.stop()
        if (deep / "pg").is_symlink():
            shutil.rmtree((deep / "pg").resolve().parent)
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("option", ["--port", "--ldap-port"])
def test_a_taken_port_is_one_sentence(open_dir: Path, option: str) -> None:
    ports = {"--port": free_port(), "--ldap-port": free_port()}
    with socket.create_server(("127.0.0.1", ports[option])):
        arguments = [part for name, port in ports.items() for part in (name, str(port))]
        code, refused, words = annuaire("up", "--json", "--data-dir", str(open_dir / "var"), *arguments)
    assert (code, refused["error"]["code"]) == (2, "port.taken")
    assert option in refused["error"]["detail"]
    assert f"port {ports[option]} on 127.0.0.1" in words


def test_a_missing_engine_is_one_sentence(open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_PG_BIN", str(open_dir))
    code, refused, words = annuaire("up", "--json", "--data-dir", str(open_dir / "var"), "--port", str(free_port()))
    assert (code, refused["error"]["code"]) == (2, "engine.missing")
    assert "install the package postgresql" in words


def test_json_gives_the_ready_object_alone(open_dir: Path, tmp_path: Path) -> None:
    up = Up(open_dir / "var", tmp_path, "--json")
    try:
        up.ready()
        assert set(json.loads(up.out)) == {"api", "ldap", "data_dir", "database_url"}
    finally:
        assert up.stop() == 0
