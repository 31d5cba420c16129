"""kill -9 of slapd, the worker or PostgreSQL while the tree is written or made anew: it ends as what is published."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from app.embedded import Postgres, Slapd, free_port, supervisor
from app.embedded.attach import PAUSE
from app.embedded.lock import Lock, is_locked
from app.embedded.runfile import LOCK, Run, write_run
from app.embedded.supervisor import Supervisor
from app.ldap.client import Exporter
from app.ldap.sync import sync_once
from app.settings import Settings
from tests.embedded.servers import kill as kill_server
from tests.faults.commands import Process, kill, started, words
from tests.faults.publishing import Publisher, Reader, beside
from tests.faults.report import Tell, Tried
from tests.faults.test_killed_postgres import DURABLE
from tests.faults.world import broken_in
from tests.harness.database import Database, cloned, make_template
from tests.harness.directory import directory

SUFFIX = "dc=mssante,dc=fr"
VICTIMS = ("slapd", "worker", "PostgreSQL")
# So many acknowledged changes lie between two kills at most. A rebuild takes as long as some hundreds.
OF_A_SYNC, OF_A_REBUILD = 40, 400
MANY = [pytest.mark.fault, pytest.mark.timeout(3_600)]
SYNCS = [pytest.param(1, 3, id="few"), pytest.param(2, 60, id="many", marks=MANY)]
REBUILDS = [pytest.param(3, 1, id="few"), pytest.param(4, 40, id="many", marks=MANY)]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Postgres]:
    """A cluster that only these tests use. A commit that it acknowledges is written."""
    with directory() as folder, Postgres(folder, fast=True) as cluster:
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute(DURABLE.encode())
        make_template(cluster)
        yield cluster


class Running:
    """What `annuaire up` runs, but for the API: PostgreSQL, slapd and the worker, each of which may be killed."""

    def __init__(self, postgres: Postgres, database: Database, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.slapd = Slapd(folder, port=free_port())
        self._postgres = postgres
        self._database = database
        self._stack = stack
        self._watch = Supervisor()
        stack.callback(self._watch.stop)
        stack.enter_context(Lock(folder / LOCK))
        self._watch.start(self.slapd, is_paused=lambda: is_locked(folder / PAUSE))
        self.settings = Settings(_env_file=None, database_url=database.dsn, ldap_uri=self.slapd.ldapi_uri)
        write_run(folder, self._run())
        self._worker = self._started_worker()

    def rebuild(self) -> Process:
        """`annuaire ldap rebuild`, begun."""
        command = ("ldap", "rebuild", "--data-dir", self.folder)
        return self._stack.enter_context(started(self._database, self.folder, *command, ldap_enabled="true"))

    def wait(self, until: Callable[[], bool]) -> None:
        """Until the condition holds; slapd is started again meanwhile, whenever it died."""
        self._watch.wait(until)

    def await_end(self, process: Process) -> int:
        """The exit code of a command."""
        self.wait(lambda: process.poll() is not None)
        return process.returncode

    def await_changes(self, publisher: Publisher, count: int) -> None:
        """Until so many changes more are acknowledged."""
        goal = publisher.count + count
        self.wait(lambda: publisher.count >= goal)

    def await_worker(self) -> None:
        """Until the worker writes the tree."""
        before = self._edition()
        self.wait(lambda: self._edition() > before)

    def kill(self, victim: str) -> None:
        """kill -9, and what was killed comes back."""
        if victim == "slapd":
            if self.slapd.is_running:
                kill_server(self.slapd)
            self.wait(lambda: self.slapd.is_running)
        elif victim == "worker":
            kill(self._worker)
            self._worker = self._started_worker()
        else:
            kill_server(self._postgres)
            self._postgres.stop()
            self._postgres.start()

    def is_well(self) -> bool:
        """Whether the worker outlived the death of its servers."""
        return self._worker.poll() is None

    def _edition(self) -> int:
        with Exporter(self.settings.ldap_uri, SUFFIX) as exporter:
            state = exporter.state()
        return state.edition if state else 0

    def _started_worker(self) -> Process:
        more = {"ldap_enabled": "true", "ldap_uri": self.slapd.ldapi_uri, "ldap_batch": "5", "snapshot_hours": "0"}
        return self._stack.enter_context(started(self._database, self.folder, "worker", **more))

    def _run(self) -> Run:
        return Run(
            pid=os.getpid(),
            state="ready",
            data_dir=str(self.folder),
            api="http://127.0.0.1:8000",
            ldap=self.slapd.uri,
            ldapi=self.slapd.ldapi_uri,
            ldap_suffix=SUFFIX,
            database_url=self._database.dsn,
            socket_dir=str(self.folder),
        )


@pytest.fixture
def running(mortal: Postgres, open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Everything runs. What is killed is started again at once, however often."""
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "STEADY", -1.0)
    with cloned(mortal) as database, ExitStack() as stack:
        yield Running(mortal, database, open_dir, stack)


@pytest.mark.parametrize(("seed", "kills"), SYNCS)
def test_a_tree_that_is_followed_through_kills_is_what_is_published(
    running: Running, tell: Tell, seed: int, kills: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test
    publisher, reader = everybody(running, seed)
    longest = 0.0
    with beside(publisher, reader):
        running.await_worker()
        for _ in range(kills):
            running.await_changes(publisher, chance.randint(1, OF_A_SYNC))
            struck = time.monotonic()
            running.kill(chance.choice(VICTIMS))
            running.await_worker()
            longest = max(longest, time.monotonic() - struck)
    lost, broken = harm(running, publisher, reader)
    what = "slapd, the worker or PostgreSQL is killed while the tree follows"
    tell(Tried("F4", what, kills, len(lost), len(broken), longest))
    assert (lost, broken) == ([], [])


@pytest.mark.parametrize(("seed", "kills"), REBUILDS)
def test_a_tree_that_is_made_anew_through_kills_is_what_is_published(
    running: Running, tell: Tell, seed: int, kills: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test
    publisher, reader = everybody(running, seed)
    with beside(publisher, reader):
        for _ in range(kills):
            rebuild = running.rebuild()
            running.await_changes(publisher, chance.randint(1, OF_A_REBUILD))
            victim = chance.choice([*VICTIMS, "rebuild"])
            if victim != "rebuild":
                running.kill(victim)
            elif rebuild.poll() is None:
                kill(rebuild)
            running.await_end(rebuild)
        begun = time.monotonic()
        assert running.await_end(running.rebuild()) == 0, words(running.folder)
        recovery = time.monotonic() - begun
    lost, broken = harm(running, publisher, reader)
    what = "a rebuild, slapd, the worker or PostgreSQL is killed while the tree is made anew"
    tell(Tried("F5", what, kills, len(lost), len(broken), recovery))
    assert (lost, broken) == ([], [])


def everybody(running: Running, seed: int) -> tuple[Publisher, Reader]:
    """Who publishes, and who reads. The tree holds all that is published so far."""
    publisher = Publisher(running.settings.database_url, seed)
    sync_once(running.settings)
    return publisher, Reader(running.slapd.uri, f"ou=bal,{SUFFIX}")


def harm(running: Running, publisher: Publisher, reader: Reader) -> tuple[list[str], list[str]]:
    """(acknowledged writes that the tree does not hold, invariants that are broken, wrong answers of LDAP among them).

    Ends the worker's lag first: the tree is brought to the last edition.
    """
    assert running.is_well(), words(running.folder)
    running.wait(lambda: running.slapd.is_running)
    broken = broken_in(running.settings, words(running.folder)) + reader.wrong
    with Exporter(running.settings.ldap_uri, SUFFIX) as exporter:
        entries = exporter.read(list(publisher.acknowledged))
    held: dict[str, str | None] = {
        address: found["description"][0] for address, found in entries.items() if "description" in found
    }
    assert publisher.count > 0
    assert reader.answers > 0
    return publisher.lost(held), broken
