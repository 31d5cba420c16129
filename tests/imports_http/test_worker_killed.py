"""kill -9 of the worker at any point of what REST asked for: the next one does it, once, to the same directory."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.embedded import Postgres
from app.imports import queue
from app.imports.queue import MOST_ATTEMPTS
from app.publication.digest import root
from app.settings import PREFIX, Settings
from tests.faults.report import Tell, Tried
from tests.harness.database import Database, cloned
from tests.imports.files import run_one, written
from tests.imports_http.conftest import PATIENCE, ROWS, Connection, Headers, mailboxes, settled, upload

HELD = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^annuaire/'
"""
# Where the worker is held when it is killed: what holds it, and what was asked of it.
POINTS = {
    "before the file is read": ("plan", "SELECT FROM source WHERE name = 'mssante' FOR UPDATE"),
    "with the file read, not compared": ("plan", "LOCK TABLE mailbox"),
    "while the plan is applied": ("apply", "LOCK TABLE mailbox"),
    "with the plan applied, not published": ("apply", "SELECT pg_advisory_xact_lock(4)"),
    "while the run is undone": ("undo", "LOCK TABLE mailbox"),
    "with the run undone, not published": ("undo", "SELECT pg_advisory_xact_lock(4)"),
}


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


@contextmanager
def worker(settings: Settings) -> Iterator[threading.Event]:
    """The loop of imports in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=queue.run, args=(settings, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def started(settings: Settings) -> subprocess.Popen[bytes]:
    """`annuaire worker` as a process of its own."""
    given = {"database_url": settings.database_url, "spool_dir": str(settings.spool_dir), "ldap_enabled": "false"}
    environment = {**os.environ, **{f"{PREFIX}{name.upper()}": value for name, value in given.items()}}
    return subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], env=environment)


@contextmanager
def held(database: Database, lock: str) -> Iterator[Callable[[], None]]:
    """Hold something that the worker needs; the value waits until the worker waits."""
    # Two connections: inside a transaction PostgreSQL shows the activity as it was first looked at.
    holder, watch = database.connect(), database.connect(autocommit=True)
    holder.execute(lock.encode())
    yield lambda: until(lambda: watch.execute(HELD).fetchone() != (0,), "the worker is held")
    holder.close()


def killed_while_held(settings: Settings, database: Database, lock: str) -> None:
    """Kill a worker while it waits for what we hold, and see that nothing of it goes on in PostgreSQL."""
    watch = database.connect(autocommit=True)
    with held(database, lock) as is_held:
        process = started(settings)
        try:
            is_held()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
    until(lambda: watch.execute(OTHERS).fetchone() == (0,), "PostgreSQL noticed that the worker is gone")


def asked(client: TestClient, admin: Headers, settings: Settings, wish: str) -> str:
    """A run of which the worker shall do this; whatever comes before it is done."""
    run: str = upload(client, admin, mailboxes(*ROWS))["run"]
    for step in {"plan": (), "apply": ("apply",), "undo": ("apply", "undo")}[wish]:
        with worker(settings):
            settled(client, admin, run)
        assert client.post(f"/v1/imports/{run}/{step}", headers=admin).status_code == 202
    return run


def undisturbed(migrated: Postgres, settings: Settings, folder: Path) -> str:
    """The digest of a directory into which the same file was imported by a command."""
    with cloned(migrated) as other:
        mine = settings.model_copy(update={"database_url": other.dsn})
        run_one(mine, written(folder, "upload", mailboxes(*ROWS)))
        return root(other.connect()).root


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_loses_nothing_and_does_nothing_twice(
    client: TestClient,
    admin: Headers,
    database: Database,
    migrated: Postgres,
    api_settings: Settings,
    tmp_path: Path,
    tell: Tell,
    point: str,
) -> None:
    wish, lock = POINTS[point]
    registry = database.connect(autocommit=True)
    empty = root(registry).root
    run = asked(client, admin, api_settings, wish)
    killed_while_held(api_settings, database, lock)
    assert client.get(f"/v1/imports/{run}", headers=admin).json()["wish"]["do"] == wish
    with worker(api_settings):
        done = settled(client, admin, run)
        if wish == "plan":
            assert (done["state"], done["diff"]["create"], done["lines"]["read"]) == ("planned", 5, len(ROWS))
            client.post(f"/v1/imports/{run}/apply", headers=admin)
            done = settled(client, admin, run)
    assert (done["state"], done["refusal"]) == ("undone" if wish == "undo" else "applied", None)
    assert registry.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    expected = empty if wish == "undo" else undisturbed(migrated, api_settings, tmp_path)
    assert root(registry).root == expected
    assert list(api_settings.spool_dir.glob("*-upload-*")) == []
    assert registry.execute("SELECT count(*) FROM import_run").fetchone() == (1,)
    tell(Tried("F12", "a job of the worker is begun twice", 1, 0, 0))


def test_a_file_on_which_every_worker_dies_is_given_up(
    client: TestClient, admin: Headers, registry: Connection, api_settings: Settings
) -> None:
    run = upload(client, admin, mailboxes(*ROWS))["run"]
    registry.execute(
        "UPDATE import_run SET state = 'running', progress = progress || jsonb_build_object('attempt', %s::int)",
        [MOST_ATTEMPTS],
    )
    registry.commit()
    with worker(api_settings):
        shown = settled(client, admin, run)
    assert (shown["state"], shown["refusal"]["code"]) == ("failed", "import.attempts")
    assert shown["guards"][0]["name"] == "import.attempts"
    assert list(api_settings.spool_dir.glob("*-upload-*")) == []


def test_a_worker_that_is_asked_to_end_leaves_the_run_to_the_next(
    client: TestClient, admin: Headers, database: Database, api_settings: Settings
) -> None:
    run = upload(client, admin, mailboxes(*ROWS))["run"]
    lock = "SELECT FROM source WHERE name = 'mssante' FOR UPDATE"
    with worker(api_settings) as stop, held(database, lock) as is_held:
        is_held()
        stop.set()
    shown = client.get(f"/v1/imports/{run}", headers=admin).json()
    assert (shown["state"], shown["wish"]["do"]) == ("waiting", "plan")
    with worker(api_settings):
        assert settled(client, admin, run)["state"] == "planned"


def test_how_far_the_worker_is_can_be_seen_while_it_works(
    client: TestClient, admin: Headers, database: Database, api_settings: Settings
) -> None:
    run = upload(client, admin, mailboxes(*ROWS))["run"]
    with worker(api_settings):
        with held(database, "LOCK TABLE mailbox") as is_held:
            is_held()
            shown = client.get(f"/v1/imports/{run}", headers=admin).json()
        settled(client, admin, run)
    assert (shown["state"], shown["phase"]) == ("running", "comparing")
    assert shown["progress"] == {"done": 0, "total": None, "share": None, "rows_per_second": 0.0}


def test_a_file_that_went_away_fails_its_run_alone(client: TestClient, admin: Headers, api_settings: Settings) -> None:
    gone, there = (upload(client, admin, mailboxes(*ROWS))["run"] for _ in range(2))
    (api_settings.spool_dir / gone / "upload").unlink()
    with worker(api_settings):
        shown = settled(client, admin, gone)
        assert (shown["state"], shown["refusal"]["code"]) == ("failed", "system.failed")
        assert settled(client, admin, there)["state"] == "planned"
