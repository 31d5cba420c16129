"""A disk that fills while a file is staged: the file is refused, and imported once there is room."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from app.embedded import Postgres
from tests.faults.commands import done, words
from tests.faults.conftest import LOADED, Days, assert_undisturbed, imports, tell_of
from tests.faults.disks import Disk, small_disk
from tests.faults.report import Tell
from tests.harness.database import cloned
from tests.imports import state
from tests.imports.files import written

SMALL, LARGE = "4m", "128m"
COPIES = 400


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk of 4 MB."""
    with small_disk(SMALL) as disk:
        yield disk


@pytest.fixture
def tablespace(migrated: Postgres, days: Days, disk: Disk) -> Iterator[str]:
    """A tablespace on that disk."""
    del days
    place = disk.place("tables", migrated.socket_dir.parent)
    with psycopg.connect(migrated.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(place))))
        yield "small"
        connection.execute("DROP TABLESPACE small")


@pytest.mark.fault
def test_a_disk_that_fills_while_a_file_is_staged_costs_that_run_and_nothing_else(
    migrated: Postgres, days: Days, tmp_path: Path, tablespace: str, disk: Disk, tell: Tell
) -> None:
    persons, mailboxes = days.second
    head, *lines = mailboxes.read_bytes().splitlines()
    bad = lines.pop()
    large = written(tmp_path, "large.txt", b"\n".join([head, *lines * COPIES, bad, b""]))
    with cloned(migrated, LOADED) as database:
        connection = database.connect(autocommit=True)
        assert done(database, tmp_path, *imports((persons,), tmp_path)) == 0
        before = state.whole(connection)
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET default_tablespace = {}").format(
                sql.Identifier(database.name), sql.Identifier(tablespace)
            )
        )
        assert done(database, tmp_path, *imports((large,), tmp_path)) == 2
        assert "No space left on device" in words(tmp_path)
        assert connection.execute("SELECT state FROM import_run ORDER BY number DESC LIMIT 1").fetchone() == ("failed",)
        assert state.whole(connection) == before
        assert connection.execute(state.LEFT_BEHIND).fetchall() == []

        disk.grow(LARGE)
        begun = time.monotonic()
        assert done(database, tmp_path, *imports((large,), tmp_path)) == 1, words(tmp_path)
        tell_of(tell, "F6", "the disk of the data is full under an import", database, tmp_path, begun)
        assert_undisturbed(database, days.after_second)
