"""A disk that fills while a file is staged: the file is refused, and imported once there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from app.embedded import Postgres
from tests.faults.commands import done, words
from tests.faults.conftest import LOADED, Days, assert_undisturbed, imports
from tests.harness.database import cloned
from tests.harness.directory import directory
from tests.imports import state
from tests.imports.files import written

SMALL, LARGE = "4m", "128m"
COPIES = 400


def mount(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with directory() as folder:
        answer = mount("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder)
        if answer.returncode != 0:
            pytest.skip(f"no small disk can be mounted here: {answer.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def tablespace(migrated: Postgres, days: Days, disk: Path) -> Iterator[str]:
    """A tablespace on that disk."""
    del days
    place = disk / "tables"
    place.mkdir(0o700)
    owner = migrated.socket_dir.parent.stat()
    os.chown(place, owner.st_uid, owner.st_gid)
    disk.chmod(0o711)
    with psycopg.connect(migrated.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(place))))
        yield "small"
        connection.execute("DROP TABLESPACE small")


@pytest.mark.fault
def test_a_disk_that_fills_while_a_file_is_staged_costs_that_run_and_nothing_else(
    migrated: Postgres, days: Days, tmp_path: Path, tablespace: str, disk: Path
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

        assert mount("-o", f"remount,size={LARGE}", disk).returncode == 0
        assert done(database, tmp_path, *imports((large,), tmp_path)) == 1, words(tmp_path)
        assert_undisturbed(database, days.after_second)
