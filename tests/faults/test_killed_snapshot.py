"""kill -9 while files of the whole directory are written: none of them is offered, and the next ones are whole."""

from pathlib import Path

import psycopg
import pytest

from app.publication import snapshots
from tests.builders import a_small_directory
from tests.faults.commands import done, kill, started
from tests.faults.conftest import settings_of
from tests.faults.gate import until
from tests.harness.database import Database

# What the test holds, so that the command waits there for its turn; and what it has left by then.
POINTS = {
    "in the middle of the national file": ("LOCK TABLE code_label IN ACCESS EXCLUSIVE MODE", "{}.part"),
    "written, and not yet offered": ("SELECT pg_advisory_xact_lock(4)", "{}"),
}
WAITS = """
SELECT count(*) FROM pg_locks l WHERE NOT l.granted AND l.pid IN (
  SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^annuaire/')
"""


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_making_offers_nothing(database: Database, tmp_path: Path, point: str) -> None:
    hold, left = POINTS[point]
    registry = database.connect()
    edition = a_small_directory(registry)
    folder = tmp_path / "snapshots"
    looking = database.connect(autocommit=True)
    registry.execute(hold.encode())
    with started(database, tmp_path, "snapshot", "make") as process:
        until(lambda: looking.execute(WAITS).fetchone() == (1,), "it waits there")
        kill(process)
    registry.rollback()
    assert [path.name for path in folder.iterdir()] == [left.format(edition)]
    assert looking.execute("SELECT count(*) FROM snapshot").fetchone() == (0,)
    assert done(database, tmp_path, "snapshot", "make") == 0
    assert [path.name for path in folder.iterdir()] == [str(edition)]
    assert looking.execute("SELECT DISTINCT edition, state FROM snapshot").fetchall() == [(edition, "offered")]


def test_a_folder_that_nobody_offers_is_swept(database: Database, tmp_path: Path) -> None:
    """As it is left by a worker that died between the files and their offer, when the directory has moved on."""
    settings = settings_of(database.dsn).model_copy(update={"snapshot_dir": tmp_path})
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "directory.ndjson.zst").write_bytes(b"half")
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        snapshots.sweep(settings, connection)
    assert list(tmp_path.iterdir()) == []
