"""The drain: one holder, portions under the lock's limit, nothing lost when it dies."""

import threading

from app.publication import drain
from app.settings import Settings
from tests.harness.database import Database
from tests.publication.world import WORLD, assert_world

CH = "anne@ch-exemple.mssante.fr"


def test_a_command_drains_for_itself_when_no_worker_lives(database: Database, settings: Settings) -> None:
    connection = database.connect()
    connection.execute(WORLD)
    connection.commit()
    seen: list[int] = []
    assert drain.drain_all(settings, progress=seen.append) == 12
    assert seen[0] == 14
    assert seen[-1] == 0
    assert_world(connection)


def test_a_command_waits_for_the_worker_that_drains(database: Database, settings: Settings) -> None:
    connection = database.connect()
    connection.execute(WORLD)
    connection.commit()
    stop = threading.Event()
    worker = threading.Thread(target=drain.run, args=(settings, stop))
    worker.start()
    try:
        assert drain.drain_all(settings) == 12
        connection.execute("UPDATE mailbox SET service = 'NEUF' WHERE address = %s", (CH,))
        connection.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", (CH,))
        connection.execute("SELECT pg_notify('annuaire_pending', '')")
        connection.commit()
        # Its own document, and that of the person, which shows the service too.
        assert drain.drain_all(settings) == 14
    finally:
        stop.set()
        worker.join()
    assert_world(connection)


def test_a_command_takes_over_when_the_holder_of_the_lock_dies(database: Database, settings: Settings) -> None:
    connection, holder = database.connect(), database.connect(autocommit=True)
    assert drain.is_holder(holder)
    connection.execute(WORLD)
    connection.commit()
    command = threading.Thread(target=drain.drain_all, args=(settings,))
    command.start()
    command.join(0.3)
    assert command.is_alive(), "it must not drain beside the holder"
    holder.close()
    command.join(60)
    assert_world(connection)


def test_portions_shrink_when_the_lock_is_held_too_long_and_grow_when_it_is_not(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(WORLD)
        slow = drain.Drain(connection, lock_ms=0, wide=1_000, portion=12)
        assert slow.step()[0] == 12
        assert slow.portion == drain.SMALLEST
        fast = drain.Drain(connection, lock_ms=1_000_000, wide=1_000, portion=1)
        assert fast.step()[0] == 1
        assert fast.portion == 2


def test_the_worker_does_not_begin_with_the_first_file_of_an_import(database: Database, settings: Settings) -> None:
    connection, importer = database.connect(), database.connect(autocommit=True)
    importer.execute("SELECT pg_advisory_lock(8)")
    connection.execute(WORLD)
    connection.execute("SELECT pg_notify('annuaire_pending', '')")
    connection.commit()
    stop = threading.Event()
    worker = threading.Thread(target=drain.run, args=(settings, stop))
    worker.start()
    try:
        worker.join(1.5)
        assert connection.execute("SELECT count(*) FROM publication").fetchone() == (0,)
        connection.commit()
        # The importer itself waits now: nothing more is coming.
        assert drain.drain_all(settings) == 12
    finally:
        stop.set()
        worker.join()
    assert_world(connection)
