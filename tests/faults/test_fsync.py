"""A disk that refuses fsync (F20): nothing is acknowledged that is not on it. The error is injected by strace."""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from pydantic import SecretStr

from app.access.keys import issue
from app.embedded import Postgres
from tests.faults.api import PEPPER, api
from tests.faults.commands import PATIENCE
from tests.faults.report import Tell, Tried
from tests.harness.database import Database
from tests.harness.directory import directory
from tests.soak.samples import family

SYNCS = "fsync,fdatasync"


def may_trace() -> bool:
    """Whether this machine lets a process be traced: many containers do not."""
    if not shutil.which("strace"):
        return False
    traced = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True)
    return traced.returncode == 0


pytestmark = pytest.mark.skipif(not may_trace(), reason="ptrace is not permitted here")


@contextmanager
def failing(pid: int, log: Path) -> Iterator[None]:
    """Every fsync of this process, of its descendants and of those yet to come, fails with EIO meanwhile."""
    pids = [text for each in family(pid) for text in ("-p", str(each))]
    inject = ["-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:error=EIO"]
    command = ["strace", "-f", "-o", str(log), *inject, *pids]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        try:
            assert strace.stderr
            while "attached" not in (line := strace.stderr.readline()):
                assert line, "strace ended"
            yield
        finally:
            strace.terminate()
            strace.wait(PATIENCE)


def test_no_upload_is_acknowledged_that_could_not_be_synced(database: Database, tmp_path: Path, tell: Tell) -> None:
    with database.connect() as registry:
        _, key = issue(registry, SecretStr(PEPPER), "an admin", ["admin"], None)
        registry.commit()
    spool = tmp_path / "spool"
    with api(database, tmp_path) as (process, port):
        url = f"http://127.0.0.1:{port}/v1/imports?name=a.txt"
        ask = {"headers": {"Authorization": f"Bearer {key}"}, "content": b"a|b\n" * 1_000, "timeout": 60}
        with failing(process.pid, tmp_path / "strace"):
            answer = httpx2.post(url, **ask)  # type: ignore[arg-type]
            assert answer.status_code in {500, 507}, answer.text
            assert "EIO" in (tmp_path / "strace").read_text("utf-8")
            assert [path for path in spool.glob("*") if path.name != "rejects"] == []
            assert database.connect().execute("SELECT count(*) FROM import_run").fetchone() == (0,)
        assert httpx2.post(url, **ask).status_code == 202  # type: ignore[arg-type]
    tell(Tried("F20", "EIO of fsync under the spool of the API", 1, 0, 0))


@pytest.mark.fault
def test_postgresql_that_cannot_sync_its_log_goes_down_and_keeps_what_it_acknowledged(
    tmp_path: Path, tell: Tell
) -> None:
    with directory(on_disk=True) as folder, Postgres(folder) as cluster:
        assert cluster.process
        acknowledged: list[int] = []
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute("CREATE TABLE written (number int PRIMARY KEY)")
        stop = threading.Event()
        writer = threading.Thread(target=_write, args=(cluster.dsn("postgres"), acknowledged, stop))
        writer.start()
        while len(acknowledged) < 20:
            time.sleep(0.01)
        with failing(cluster.process.pid, tmp_path / "strace"):
            deadline = time.monotonic() + PATIENCE
            while not _panicked(folder):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        began, before = time.monotonic(), len(acknowledged)
        if cluster.process.poll() is not None:
            cluster.stop()
            cluster.start()
        while len(acknowledged) < before + 20:
            assert time.monotonic() < began + PATIENCE
            time.sleep(0.01)
        recovery = time.monotonic() - began
        stop.set()
        writer.join()
        with psycopg.connect(cluster.dsn("postgres")) as connection:
            held = {number for (number,) in connection.execute("SELECT number FROM written")}
        lost = set(acknowledged) - held
        tell(Tried("F20", "EIO of fsync under PostgreSQL", len(acknowledged), len(lost), 0, recovery))
        assert not lost


def _write(dsn: str, acknowledged: list[int], stop: threading.Event) -> None:
    """Commit one number after the other; what fails is not tried again."""
    number = 0
    while not stop.is_set():
        try:
            with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
                while not stop.is_set():
                    number += 1
                    connection.execute("INSERT INTO written VALUES (%s)", [number])
                    acknowledged.append(number)
        except psycopg.OperationalError:
            stop.wait(0.05)


def _panicked(folder: Path) -> bool:
    return any(re.search("PANIC", path.read_text("utf-8", "replace")) for path in folder.rglob("postgres*.log"))
