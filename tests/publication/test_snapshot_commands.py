"""`annuaire snapshot make`, and the worker's loop: files by command and by the clock."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.publication import snapshot_clock, snapshots
from app.settings import Settings
from tests.builders import a_small_directory, publish
from tests.faults.gate import until
from tests.harness.database import Database

OFFERED = "SELECT count(*) > 0 FROM snapshot WHERE state = 'offered'"


@pytest.fixture
def told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """What the command says, with its exit code."""
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", database.dsn)
    monkeypatch.setenv("ANNUAIRE_SNAPSHOT_DIR", str(tmp_path / "snapshots"))

    def run(*arguments: str) -> tuple[Any, str]:
        with pytest.raises(SystemExit) as end:
            main(["snapshot", "make", *arguments])
        return end.value.code, capsys.readouterr().out

    return run


def test_the_command_publishes_what_waits_and_makes_the_files(told: Any, database: Database, tmp_path: Path) -> None:
    registry = database.connect()
    a_small_directory(registry)
    registry.execute("UPDATE mailbox SET service = 'ACCUEIL'")
    registry.execute("INSERT INTO pending (kind, key) SELECT 'mailbox', address FROM mailbox")
    registry.commit()
    code, out = told("--json")
    said = json.loads(out)
    assert (code, said["made"], said["edition"]) == (0, True, 5)
    assert {path.name for path in (tmp_path / "snapshots" / "5").iterdir()} == {file["file"] for file in said["files"]}
    assert json.loads(told("--json")[1]) == {"edition": 5, "made": False}
    assert "has its files already" in told()[1]


def test_one_that_runs_elsewhere_is_said(told: Any, database: Database) -> None:
    with snapshots.making(database.connect(autocommit=True)):
        code, out = told("--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "snapshot.busy")


def test_the_loop_makes_files_and_removes_them_when_somebody_is_hidden(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots"
    held = settings.model_copy(update={"snapshot_dir": folder, "snapshot_hours": 24})
    registry = database.connect()
    edition = a_small_directory(registry)
    looking = database.connect(autocommit=True)
    stop = threading.Event()
    loop = threading.Thread(target=snapshot_clock.run, args=(held, stop))
    loop.start()
    try:
        until(lambda: looking.execute(OFFERED).fetchone() == (True,), "files are offered")
        registry.execute("UPDATE mailbox SET unlisted = true")
        publish(registry, ("mailbox", "anne.exemple@ch-exemple.mssante.fr"))
        until(lambda: not (folder / str(edition)).exists(), "they are removed")
    finally:
        stop.set()
        loop.join()
    assert registry.execute("SELECT DISTINCT state FROM snapshot").fetchall() == [("withdrawn",)]


def test_what_cannot_be_written_stops_no_loop(database: Database, settings: Settings, tmp_path: Path) -> None:
    """A key that is none, and a folder that is a file: said in the log, and tried again much later."""
    a_small_directory(database.connect())
    (tmp_path / "file").write_text("no folder, no key")
    unwritable = settings.model_copy(update={"snapshot_dir": tmp_path / "file", "snapshot_hours": 24})
    unsigned = settings.model_copy(update={"snapshot_hours": 24, "signing_key": tmp_path / "file"})
    connection = database.connect(autocommit=True)
    for each in (unwritable, unsigned.model_copy(update={"snapshot_dir": tmp_path / "snapshots"})):
        assert snapshot_clock._tried(each, connection) > time.monotonic()
    assert connection.execute("SELECT count(*) FROM snapshot").fetchone() == (0,)
    with snapshots.making(connection) as is_maker:
        assert is_maker
