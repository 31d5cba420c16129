"""The worker outlives its servers, and says what a loop of its own died of."""

import threading

import psycopg
import pytest

from app import worker
from app.console import Refused
from app.publication import drain
from app.settings import Settings
from tests.harness.database import Database
from tests.publication.world import WORLD, assert_world


def test_the_worker_goes_on_when_postgres_cuts_its_connections(database: Database, settings: Settings) -> None:
    connection = database.connect(autocommit=True)
    stop = threading.Event()
    running = threading.Thread(target=worker.run, args=(settings, stop))
    running.start()
    try:
        for _ in range(200):
            cut = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            if cut and cut[0]:
                break
            stop.wait(0.05)
        connection.execute(WORLD)
        assert drain.drain_all(settings) == 12
    finally:
        stop.set()
        running.join()
    assert_world(connection)


def test_a_fault_of_our_own_in_a_loop_ends_the_worker_with_it(database: Database, settings: Settings) -> None:
    database.connect(autocommit=True).execute("DROP FUNCTION drain(integer, integer)")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        worker.run(settings, threading.Event())


def test_work_that_can_never_succeed_is_not_tried_for_ever(database: Database, settings: Settings) -> None:
    connection = database.connect(autocommit=True)
    connection.execute(
        "CREATE OR REPLACE FUNCTION drain(portion integer, wide integer DEFAULT 1000, OUT taken integer,"
        " OUT edition bigint) LANGUAGE plpgsql AS $$ BEGIN RAISE program_limit_exceeded; END $$"
    )
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        worker.run(settings, threading.Event())


def test_a_mark_of_an_unknown_kind_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        database.connect().execute("INSERT INTO pending (kind, key) VALUES ('mailboxes', 'a@b.mssante.fr')")


def test_a_worker_that_an_upgrade_leaves_behind_ends_and_says_so(database: Database, settings: Settings) -> None:
    connection = database.connect(autocommit=True)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            worker.run(settings, threading.Event())
        except Refused as refused:
            failures.append(refused)

    running = threading.Thread(target=work)
    running.start()
    connection.execute(WORLD)
    assert drain.drain_all(settings) == 12
    assert not failures
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    running.join()
    assert [failure.code for failure in failures if isinstance(failure, Refused)] == ["schema.unknown"]
    assert_world(connection)
