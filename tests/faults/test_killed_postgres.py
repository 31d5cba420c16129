"""kill -9 of PostgreSQL while it works for an import: what was committed stays, the rest is as if it had not begun."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.embedded import Postgres
from tests.faults.commands import PATIENCE, done, started, words
from tests.faults.conftest import LOADED, Days, assert_undisturbed, imports, load, make_loaded
from tests.faults.gate import gate, remove
from tests.harness.database import cloned, make_template
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
    mortal: Postgres, days: Days, tmp_path: Path, point: str
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
        assert done(database, tmp_path, *command) == 1, words(tmp_path)
        assert_undisturbed(database, days.after_second)
