"""A replica that is killed, frozen, or of another history: reads go on at the primary, and it is said."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from starlette.testclient import TestClient

from app.doctor import examine
from app.embedded import Postgres, process
from app.main import create_app
from app.settings import Settings
from tests.builders import DOMAIN, a_small_directory
from tests.harness.database import Database, cloned
from tests.harness.standby import Standby, kill
from tests.standby.asking import counted, until

READS = (f"/v1/mailboxes/anne.exemple@{DOMAIN}", f"/v1/mailboxes?domain={DOMAIN}", "/v1/search?q=exemple%20anne")
# A look is waited for a quarter of it.
LIMIT = 1_000


@pytest.fixture
def filled(database: Database, standby: Standby) -> None:
    with database.connect() as connection:
        a_small_directory(connection)
    standby.follow()


@pytest.fixture
def impatient(split: Settings, filled: None) -> Settings:
    del filled
    return split.model_copy(update={"read_lag_ms": LIMIT})


def assert_all_answer(client: TestClient) -> None:
    assert [client.get(path).status_code for path in READS] == [200] * len(READS)


@contextmanager
def frozen(standby: Standby) -> Iterator[None]:
    """Its processes stand still: connections stay open, and nothing is answered."""
    pids = process.inhabitants(standby._data)
    assert len(pids) > 1
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_replica_that_stands_still_is_left_and_taken_again(impatient: Settings, standby: Standby) -> None:
    with TestClient(create_app(impatient)) as client:
        until(client, "read")
        with frozen(standby):
            # Also those that are asked before anybody has noticed.
            assert_all_answer(client)
            until(client, "silent")
            assert_all_answer(client)
            assert 'annuaire_standby_state{state="silent"} 1.0' in client.get("/metrics").text
        until(client, "read")
        assert_all_answer(client)


def test_a_replica_that_is_killed_is_left_and_taken_again(impatient: Settings, standby: Standby) -> None:
    with TestClient(create_app(impatient)) as client:
        until(client, "read")
        assert_all_answer(client)
        kill(standby)
        try:
            assert_all_answer(client)
            until(client, "silent")
            (finding,) = (each for each in examine(impatient) if each.name == "standby")
            assert finding.ok is False
        finally:
            standby.stop()
            standby.start()
        until(client, "read")
        assert_all_answer(client)


@pytest.mark.fault
def test_a_replica_that_is_away_at_the_start_is_taken_when_it_comes(impatient: Settings, standby: Standby) -> None:
    standby.stop()
    try:
        with TestClient(create_app(impatient)) as client:
            until(client, "silent")
            assert_all_answer(client)
            standby.start()
            until(client, "read")
            assert_all_answer(client)
    finally:
        if not standby.is_running:
            standby.start()


def test_a_database_of_another_history_is_never_read(impatient: Settings, migrated: Postgres) -> None:
    with cloned(migrated) as other:
        with other.connect(autocommit=True) as connection:
            connection.execute("SELECT begin_epoch('a test', 'a test', 'another history')")
            connection.execute("UPDATE directory SET edition = edition + 1000")
        mistaken = impatient.model_copy(update={"read_database_url": other.dsn})
        with TestClient(create_app(mistaken)) as client:
            until(client, "foreign")
            assert_all_answer(client)
            assert set(counted(client)) == {"away"}
        (finding,) = (each for each in examine(mistaken) if each.name == "standby")
        assert (finding.ok, "another history" in finding.detail) == (False, True)


def test_doctor_tells_what_the_replica_holds(impatient: Settings, standby: Standby) -> None:
    (finding,) = (each for each in examine(impatient) if each.name == "standby")
    assert (finding.ok, finding.detail) == (True, "holds edition 3 of 3")
    standby.pause()
    with psycopg.connect(impatient.database_url, autocommit=True) as connection:
        connection.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", [f"anne.exemple@{DOMAIN}"])
        connection.execute("UPDATE directory SET edition = edition + 1")
    (finding,) = (each for each in examine(impatient) if each.name == "standby")
    assert (finding.ok, finding.detail) == (None, "holds edition 3 of 4")
