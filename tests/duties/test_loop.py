"""Duties are done once in their hour or day, whatever fails or dies on the way."""

import threading
from datetime import datetime
from typing import Any

import psycopg
import pytest

from app.doctor import examine
from app.duties.loop import DUTIES_LOCK, Duty, do_due, run
from app.settings import Settings
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
RUNNING = threading.Event()


class Diary:
    """A duty that notes when it was done, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.done: list[datetime] = []
        self.fault: Exception | None = None

    def __call__(self, connection: Connection, _settings: Settings, now: datetime) -> None:
        with connection.transaction():
            connection.execute("SELECT 1")
        if self.fault:
            raise self.fault
        self.done.append(now)


@pytest.fixture
def clock(database: Database) -> Connection:
    return database.connect(autocommit=True)


def set_back(clock: Connection, name: str, interval: str) -> None:
    clock.execute(
        "UPDATE duty SET done_at = done_at - %(by)s::interval, failed_at = failed_at - %(by)s::interval"
        " WHERE name = %(name)s",
        {"by": interval, "name": name},
    )


def test_a_duty_is_done_once_in_its_time(clock: Connection, settings: Settings) -> None:
    daily, hourly = Diary(), Diary()
    duties = [Duty("each day", "day", daily), Duty("each hour", "hour", hourly)]
    do_due(clock, settings, duties, RUNNING)
    do_due(clock, settings, duties, RUNNING)
    assert (len(daily.done), len(hourly.done)) == (1, 1)
    for duty in duties:
        set_back(clock, duty.name, "1 hour")
    # Not the daily one, unless the hour before was yesterday in France.
    do_due(clock, settings, duties[1:], RUNNING)
    assert len(hourly.done) == 2
    set_back(clock, "each day", "1 day")
    do_due(clock, settings, duties, RUNNING)
    assert (len(daily.done), len(hourly.done)) == (2, 2)


@pytest.mark.parametrize(
    ("done_at", "is_due"),
    [("2026-03-01 22:59:59+00", True), ("2026-03-01 23:00:00+00", False), ("2026-03-02 22:00:00+00", False)],
)
def test_a_day_is_one_of_france(clock: Connection, settings: Settings, done_at: str, *, is_due: bool) -> None:
    """Judged as it was at 22:30 UTC of 2 March 2026, 23:30 in Paris: the day began at 23:00 UTC of 1 March."""
    clock.execute("INSERT INTO duty (name, done_at) VALUES ('each day', %s)", (done_at,))
    clock.execute(
        "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql"
        " AS $$ SELECT '2026-03-02 22:30:00+00'::timestamptz $$"
    )
    clock.execute("SET search_path = public, pg_catalog")
    diary = Diary()
    do_due(clock, settings, [Duty("each day", "day", diary)], RUNNING)
    assert bool(diary.done) == is_due


def test_a_duty_that_fails_stops_no_other_and_is_tried_again_later(clock: Connection, settings: Settings) -> None:
    bad, good = Diary(), Diary()
    bad.fault = OSError("nobody\nanswers")
    duties = [Duty("bad", "day", bad), Duty("good", "day", good)]
    do_due(clock, settings, duties, RUNNING)
    do_due(clock, settings, duties, RUNNING)
    assert len(good.done) == 1
    assert clock.execute("SELECT name, done_at, failure FROM duty WHERE failed_at IS NOT NULL").fetchall() == [
        ("bad", None, "OSError: nobody answers")
    ]
    bad.fault = None
    do_due(clock, settings, duties, RUNNING)
    assert bad.done == []
    set_back(clock, "bad", "6 minutes")
    do_due(clock, settings, duties, RUNNING)
    assert len(bad.done) == 1
    assert clock.execute("SELECT failed_at, failure FROM duty WHERE name = 'bad'").fetchone() == (None, None)


def test_a_duty_that_was_cut_short_is_done_again(database: Database, settings: Settings) -> None:
    diary = Diary()

    def die(connection: Connection, _settings: Settings, _now: datetime) -> None:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(psycopg.OperationalError):
        do_due(database.connect(autocommit=True), settings, [Duty("it", "day", die)], RUNNING)
    do_due(database.connect(autocommit=True), settings, [Duty("it", "day", diary)], RUNNING)
    assert len(diary.done) == 1


def test_nothing_more_is_begun_once_the_worker_stops(clock: Connection, settings: Settings) -> None:
    stop, diary = threading.Event(), Diary()

    def last(*_: object) -> None:
        stop.set()

    do_due(clock, settings, [Duty("last", "day", last), Duty("too late", "day", diary)], stop)
    assert diary.done == []
    assert clock.execute("SELECT name FROM duty").fetchall() == [("last",)]


def test_one_worker_at_a_time_does_duties(clock: Connection, settings: Settings) -> None:
    """The second one waits for the lock, and takes over when its holder goes."""
    clock.execute("SELECT pg_advisory_lock(%s)", (DUTIES_LOCK,))
    stop, diary = threading.Event(), Diary()
    looked = threading.Event()

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            looked.set()
            return super().wait(0.01 if timeout else None)

    stop = Watched()

    def once(connection: Connection, settings: Settings, now: datetime) -> None:
        diary(connection, settings, now)
        stop.set()

    second = threading.Thread(target=run, args=(settings, stop, [Duty("it", "day", once)]))
    second.start()
    assert looked.wait(60)
    assert diary.done == []
    clock.close()
    second.join(60)
    assert len(diary.done) == 1


def test_the_doctor_tells_of_a_duty_that_fails(clock: Connection, settings: Settings) -> None:
    def finding() -> tuple[bool | None, str]:
        return next((found.ok, found.detail) for found in examine(settings) if found.name == "duties")

    bad = Diary()
    do_due(clock, settings, [Duty("bad", "day", bad)], RUNNING)
    assert finding()[0] is True
    set_back(clock, "bad", "2 days")
    bad.fault = OSError("nobody answers")
    do_due(clock, settings, [Duty("bad", "day", bad)], RUNNING)
    assert finding()[0] is False
    assert "bad (OSError: nobody answers)" in finding()[1]
