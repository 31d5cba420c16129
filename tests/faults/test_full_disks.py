"""F6 to F8: a disk is full under the data, the write-ahead log or the spool, and the API goes on when there is room."""

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.embedded import Postgres
from app.settings import Settings
from tests.faults.commands import started
from tests.faults.disks import Disk, small_disk
from tests.faults.gate import until
from tests.faults.installation import ADDRESSES, Installation, installed
from tests.faults.report import Tell, Tried
from tests.faults.test_killed_postgres import DURABLE
from tests.faults.world import OPEN_RUNS
from tests.harness.database import TEMPLATE, Database, cloned, make_template
from tests.harness.directory import directory

pytestmark = pytest.mark.fault
MIB = 1 << 20
# Less than a segment of the log.
LESS_THAN_A_SEGMENT = 8 * MIB
LOGGED = "SELECT pg_logical_emit_message(true, 'fault', repeat('x', 1000000))"
EXPECTED = {200, 409, 503}


@contextmanager
def on_disk(cluster: Postgres, disk: Disk) -> Iterator[Database]:
    """A migrated database all of whose files lie on this disk."""
    place = disk.place("tables", cluster.socket_dir.parent)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE full_disk LOCATION {}").format(sql.Literal(str(place))))
        template = sql.Identifier(TEMPLATE)
        connection.execute(sql.SQL("CREATE DATABASE on_disk TEMPLATE {} TABLESPACE full_disk").format(template))
        database = Database("on_disk", cluster.dsn("on_disk"))
        try:
            yield database
        finally:
            database.close()
            connection.execute("DROP DATABASE on_disk WITH (FORCE)")
            connection.execute("DROP TABLESPACE full_disk")


def test_a_full_disk_under_the_data_stops_writes_and_no_reads(
    migrated: Postgres, settings: Settings, tmp_path: Path, tell: Tell
) -> None:
    with small_disk("200m") as disk, on_disk(migrated, disk) as database:
        one = installed(database, tmp_path, settings)
        with one.serving():
            clients = one.clients(6)
            with clients.at_work():
                clients.wait_for(20)
                disk.fill()
                before = clients.statuses[503]
                until(lambda: clients.statuses[503] >= before + 2 * clients.count, "writes are refused")
                # What is shown to nobody in particular must be counted, and cannot.
                assert one.get(f"/v1/mailboxes/{ADDRESSES[0]}") == 503
                assert one.get(f"/v1/mailboxes/{ADDRESSES[0]}", one.headers) == 200
                disk.free()
                recovery = clients.wait_for_all(time.monotonic())
        lost, broken = one.harm(clients)
    tell(Tried("F6", "the disk of the data is full under 8 programs", 1, len(lost), len(broken), recovery))
    assert (lost, broken) == ([], [])
    assert set(clients.statuses) <= EXPECTED


@contextmanager
def log_on(disk: Disk) -> Iterator[Postgres]:
    """A cluster of its own, whose write-ahead log lies on this disk. What it acknowledges is written."""
    with directory() as folder, Postgres(folder, fast=True) as cluster:
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute(DURABLE.encode())
        make_template(cluster)
        cluster.stop()
        log = cluster._data / "pg_wal"
        place = disk.place("log", log)
        for path in log.iterdir():
            if path.is_file():
                (place / path.name).write_bytes(path.read_bytes())
                path.unlink()
            else:
                disk.place(f"log/{path.name}", path)
                path.rmdir()
        for path in place.iterdir():
            _own(path, log)
        log.rmdir()
        log.symlink_to(place)
        cluster.start()
        yield cluster


def _own(path: Path, like: Path) -> None:
    owner = like.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def test_a_full_disk_under_the_log_loses_nothing_that_was_acknowledged(
    settings: Settings, tmp_path: Path, tell: Tell
) -> None:
    """PostgreSQL goes down, and comes up only where there is room: the runbook frees it first."""
    with small_disk("160m") as disk, log_on(disk) as cluster, cloned(cluster) as database:
        one = installed(database, tmp_path, settings)
        with one.serving() as api:
            clients = one.clients(7)
            with clients.at_work():
                clients.wait_for(20)
                disk.fill(LESS_THAN_A_SEGMENT)
                _write_until_it_ends(database.dsn)
                until(lambda: not cluster.is_running, "PostgreSQL is down")
                before = clients.statuses[503]
                until(lambda: clients.statuses[503] > before, "writes are refused")
                cluster.stop()
                disk.free()
                freed = time.monotonic()
                cluster.start()
                recovery = clients.wait_for_all(freed)
            assert api.poll() is None
        lost, broken = one.harm(clients)
    tell(Tried("F7", "the disk of the log is full under 8 programs", 1, len(lost), len(broken), recovery))
    assert (lost, broken) == ([], [])
    assert set(clients.statuses) <= EXPECTED | {0}


def _write_until_it_ends(dsn: str) -> None:
    with suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(1_000):
            connection.execute(LOGGED)
    with pytest.raises(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(LOGGED)


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "not declared"])
def test_a_full_spool_refuses_the_file_and_nothing_else(
    database: Database, settings: Settings, tmp_path: Path, tell: Tell, *, is_declared: bool
) -> None:
    """A file of a known length is refused before its first byte: twice its length must be free."""
    with small_disk("16m") as disk:
        one = installed(database, tmp_path, settings)
        one.more["spool_dir"] = str(disk.folder / "spool")
        with one.serving():
            clients = one.clients(5)
            with clients.at_work():
                status, document = upload(one, 9 * MIB if is_declared else 64 * MIB, is_declared=is_declared)
                assert (status, document["code"]) == (507, "import.storage_full")
                clients.wait_for_all(time.monotonic())
                left = [path.name for path in (disk.folder / "spool").iterdir()]
                begun = time.monotonic()
                assert upload(one, 7 * MIB, is_declared=is_declared)[0] == 202
                recovery = time.monotonic() - begun
            await_runs(one)
        lost, broken = one.harm(clients)
    tell(Tried("F8", "the disk of the spool is too small for a file", 1, len(lost), len(broken), recovery))
    assert (lost, broken, left) == ([], [], [])
    assert set(clients.statuses) <= EXPECTED


def await_runs(one: Installation) -> None:
    """Let a worker do what was asked of it: it finds a file of blanks, and says so."""
    with started(one.database, one.folder, "worker", **one.more), one.database.connect(autocommit=True) as connection:
        until(lambda: not connection.execute(OPEN_RUNS).fetchall(), "the worker has looked at the file")


def upload(one: Installation, size: int, *, is_declared: bool) -> tuple[int, dict[str, Any]]:
    """Send a file of so many blanks, by its length or in chunks: (status, document)."""
    with closing(http.client.HTTPConnection("127.0.0.1", one.port, timeout=60)) as connection:
        blocks = (bytes(1 << 16) for _ in range(size >> 16))
        headers = {**one.headers, "Content-Type": "application/octet-stream"}
        if is_declared:
            headers["Content-Length"] = str(size)
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", "/v1/imports", blocks, headers, encode_chunked=not is_declared)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
