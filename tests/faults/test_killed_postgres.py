"""kill -9 of PostgreSQL while it works for an import: what was committed stays, the rest is as if it had not begun."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app.embedded import Postgres
from app.settings import Settings
from tests.faults.commands import PATIENCE, done, started, words
from tests.faults.conftest import LOADED, Days, assert_undisturbed, imports, load, make_loaded, tell_of
from tests.faults.gate import gate, remove
from tests.faults.indexes import checked_indexes
from tests.faults.installation import installed
from tests.faults.report import Tell, Tried
from tests.harness.database import Database, cloned, make_template
from tests.harness.directory import directory

DURABLE = "ALTER ROLE annuaire SET synchronous_commit = on"


@pytest.fixture(scope="module")
def mortal(days: Days) -> Iterator[Postgres]:
    """A cluster that only these tests use, with the first day loaded. A commit that it acknowledges is written."""
    with directory() as folder, Postgres(folder, fast=True) as cluster:
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute(DURABLE.encode())
        make_template(cluster)
        make_loaded(cluster)
        assert load(cluster.dsn(LOADED), folder, days.first) == days.after_first
        yield cluster


def kill(cluster: Postgres) -> None:
    """kill -9 of the postmaster; its children see that it is gone and end."""
    assert cluster.process is not None
    cluster.process.kill()
    cluster.process.wait(PATIENCE)


POINTS = {
    "in the middle of COPY": "fault",
    "with staging committed": "fault",
    "at the first row of the registry": "always",
    "as the registry is committed": "fault",
    "while it is published": "fault",
}


@pytest.mark.parametrize(
    "point", [pytest.param(name, marks=pytest.mark.fault if when == "fault" else ()) for name, when in POINTS.items()]
)
def test_the_import_again_after_a_crash_of_postgresql_is_the_undisturbed_one(
    mortal: Postgres, days: Days, tmp_path: Path, tell: Tell, point: str
) -> None:
    with cloned(mortal, LOADED) as database:
        command = imports(days.second, tmp_path)
        with gate(database, point) as closed, started(database, tmp_path, *command) as process:
            closed.wait(lambda: process.poll() is None)
            kill(mortal)
            assert process.wait(PATIENCE) != 0
        database.close()
        mortal.stop()
        mortal.start()
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            remove(connection)
            kept = connection.execute("SELECT count(*) FROM import_kept.whole").fetchone()
            assert kept == (0,)
            ended = connection.execute("SELECT state FROM import_run WHERE finished_at IS NULL").fetchall()
            assert {state for (state,) in ended} <= {"failed"}
        begun = time.monotonic()
        assert done(database, tmp_path, *command) == 1, words(tmp_path)
        tell_of(tell, "F3", "PostgreSQL is killed under an import", database, tmp_path, begun)
        assert_undisturbed(database, days.after_second)


KILLS = 6


@pytest.mark.fault
def test_an_api_outlives_the_crash_of_its_postgresql(
    mortal: Postgres, settings: Settings, tmp_path: Path, tell: Tell
) -> None:
    """It says 503 meanwhile and nothing else, and writes again without being started anew."""
    longest = 0.0
    with cloned(mortal) as database:
        one = installed(database, tmp_path, settings)
        with one.serving() as api:
            clients = one.clients(3)
            with clients.at_work():
                for _ in range(KILLS):
                    clients.wait_for(20)
                    with torn(database):
                        kill(mortal)
                        struck = time.monotonic()
                    mortal.stop()
                    mortal.start()
                    longest = max(longest, clients.wait_for_all(struck))
            assert api.poll() is None
        with database.connect(autocommit=True) as connection:
            indexes = checked_indexes(connection)
            assert connection.execute("SELECT count(*) FROM torn").fetchone() == (KILLS,)
        lost, broken = one.harm(clients)
    what = f"PostgreSQL is killed under an API and 8 programs, {indexes} indexes are checked"
    tell(Tried("F3", what, KILLS, len(lost), len(broken), longest))
    assert (lost, broken) == ([], [])
    assert set(clients.statuses) <= {0, 200, 409, 503}


AWAY_SECONDS = 45
# What is promised (docs/operations.md).
BACK = 10.0


@pytest.mark.fault
def test_an_api_is_back_soon_after_a_postgresql_that_was_away_for_long(
    mortal: Postgres, settings: Settings, tmp_path: Path, tell: Tell
) -> None:
    """Who tries to connect ever more rarely comes back ever later."""
    with cloned(mortal) as database:
        one = installed(database, tmp_path, settings)
        with one.serving():
            clients = one.clients(5)
            with clients.at_work():
                clients.wait_for(20)
                mortal.stop()
                time.sleep(AWAY_SECONDS)
                mortal.start()
                recovery = clients.wait_for_all(time.monotonic())
        lost, broken = one.harm(clients)
    what = f"PostgreSQL is away for {AWAY_SECONDS} s, under an API and 8 programs"
    tell(Tried("F3", what, 1, len(lost), len(broken), recovery))
    assert (lost, broken) == ([], [])
    assert recovery < BACK


@contextmanager
def torn(database: Database) -> Iterator[None]:
    """A row that is committed, and five thousand that never are: their session dies in the block."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS torn (n integer PRIMARY KEY)")
        connection.execute("INSERT INTO torn SELECT count(*) FROM torn")
    connection = psycopg.connect(database.dsn)
    connection.execute("INSERT INTO torn SELECT generate_series(1000, 5999)")
    yield
    connection.close()
