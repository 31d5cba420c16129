"""The log in ranges: closing and dropping them loses no number that is still promised."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.publication import log
from app.settings import Settings
from tests.builders import a_mailbox, publish
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
RANGES = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'change'::regclass ORDER BY c.oid
"""


@pytest.fixture
def registry(database: Database) -> Connection:
    return database.connect()


@pytest.fixture
def keeper(database: Database) -> Connection:
    """As a duty has it."""
    return database.connect(autocommit=True)


def several(registry: Connection, count: int, at: datetime) -> int:
    """So many changes, recorded at that moment. Returns the edition."""
    edition = 0
    for _ in range(count):
        (number,) = registry.execute("SELECT count(*) FROM mailbox").fetchone() or (0,)
        edition = publish(registry, ("mailbox", a_mailbox(registry, f"m{number}@ch-exemple.mssante.fr")))
    registry.execute("UPDATE change SET recorded_at = %s WHERE sequence > %s", (at, edition - count))
    registry.commit()
    return edition


def numbers(connection: Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT sequence FROM change ORDER BY sequence")]


def test_a_closed_range_keeps_its_numbers_and_the_next_go_into_the_open_one(
    registry: Connection, keeper: Connection
) -> None:
    several(registry, 3, NOW)
    assert log.close_range(keeper) == 3
    several(registry, 2, NOW)
    assert numbers(keeper) == [1, 2, 3, 4, 5]
    assert numbers(keeper) != keeper.execute("SELECT sequence FROM change_head").fetchall()
    assert keeper.execute(RANGES).fetchall() == [
        ("change_until_3", "FOR VALUES FROM ('1') TO ('4')"),
        ("change_head", "FOR VALUES FROM ('4') TO (MAXVALUE)"),
    ]


def test_an_empty_range_stays_open(registry: Connection, keeper: Connection) -> None:
    assert log.close_range(keeper) is None
    several(registry, 1, NOW)
    assert log.close_range(keeper) == 1
    assert log.close_range(keeper) is None


def test_only_ranges_older_than_the_promise_are_dropped(
    registry: Connection, keeper: Connection, settings: Settings
) -> None:
    for days in (40, 31, 29):
        several(registry, 2, NOW - timedelta(days=days))
        log.close_range(keeper)
    several(registry, 1, NOW)
    log.keep(keeper, settings, NOW)
    assert numbers(keeper) == [5, 6, 7]
    log.keep(keeper, settings, NOW)
    assert numbers(keeper) == [5, 6, 7]


def test_a_snapshot_keeps_what_comes_after_it(registry: Connection, keeper: Connection) -> None:
    for _ in range(3):
        several(registry, 2, NOW - timedelta(days=40))
        log.close_range(keeper)
    keeper.execute(
        "INSERT INTO snapshot (edition, file, epoch, bytes, sha256, resources)"
        " SELECT 3, 'x', epoch, 1, '', 1 FROM directory"
    )
    assert log.prune(keeper, NOW) == [2]
    assert numbers(keeper) == [3, 4, 5, 6]
    keeper.execute("UPDATE snapshot SET state = 'expired'")
    assert log.prune(keeper, NOW) == [4, 6]


def test_what_a_publisher_holds_is_not_closed_under_it(
    registry: Connection, keeper: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PATIENCE", "SET LOCAL lock_timeout = '10ms'")
    several(registry, 1, NOW)
    registry.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", (a_mailbox(registry),))
    with pytest.raises(psycopg.errors.LockNotAvailable):
        log.close_range(keeper)
    registry.commit()
    assert log.close_range(keeper) == 2


def test_a_range_that_was_just_begun_is_waited_for_by_nobody(
    registry: Connection, keeper: Connection, settings: Settings
) -> None:
    """A duty that begins beside the first load of a nation would wait, and be told as failed."""
    several(registry, 1, NOW)
    registry.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", (a_mailbox(registry),))
    log.keep(keeper, settings, NOW + timedelta(hours=1))
    registry.commit()
    assert [name for name, _ in keeper.execute(RANGES)] == ["change_head"]
    log.keep(keeper, settings, NOW + timedelta(hours=24))
    assert [name for name, _ in keeper.execute(RANGES)] == ["change_until_2", "change_head"]
