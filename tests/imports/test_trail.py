"""Every plan, application, undo and accepted guard is in the audit trail, and nothing that was rolled back is."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import cli
from app.access.audit_verify import verify
from app.imports.guards import NAMES
from app.imports.options import Options
from app.settings import Settings
from tests.harness.database import Database
from tests.imports import files, state
from tests.imports.files import run_one, written

Connection = psycopg.Connection[Any]
BY, CLIENT = "k3l5m7n2p4", "hospital-importer"


@pytest.fixture
def connection(database: Database) -> Connection:
    """A database that knows the key BY."""
    opened = database.connect(autocommit=True)
    opened.execute("INSERT INTO api_key (id, name, digest, scopes) VALUES (%s, 'admin', '', '{admin}')", (BY,))
    return opened


def trail(connection: Connection) -> list[Any]:
    assert verify(connection).is_whole
    return connection.execute(
        "SELECT action, object_key, actor, credential, detail FROM audit ORDER BY sequence"
    ).fetchall()


def test_a_run_leaves_what_was_done_with_it(settings: Settings, connection: Connection, tmp_path: Path) -> None:
    report = run_one(settings, files.MAILBOXES, dry_run=True)
    by_key = Options(tmp_path / "rejects", by=BY, is_known_key=True)
    state.apply(settings, report.run, by_key)
    state.undo(settings, report.run, Options(tmp_path / "rejects", by=CLIENT, is_known_key=True))
    rows = trail(connection)
    assert [row[:4] for row in rows] == [
        ("import.planned", report.run, "command line", "account:command line"),
        ("import.applied", report.run, BY, f"key:{BY}"),
        ("import.undone", report.run, CLIENT, f"token:{CLIENT}"),
    ]
    assert f"create {report.diff['create']}" in rows[1][4]
    assert report.sha256[:16] in rows[1][4]


def test_a_guard_is_noted_when_it_is_accepted_and_by_whom(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    run_one(settings, files.MAILBOXES)
    before = len(trail(connection))
    header = files.MAILBOXES.read_bytes().splitlines()[0]
    empty = written(tmp_path, "fewer.txt", header + b"\n")
    refused = run_one(settings, empty)
    assert refused.state == "refused"
    assert [row[0] for row in trail(connection)[before:]] == ["import.planned"]
    state.apply(settings, refused.run, Options(tmp_path / "rejects", frozenset(NAMES), by=BY, is_known_key=True))
    rows = trail(connection)[before + 1 :]
    guards = sorted(guard.name for guard in refused.guards if guard.refuses)
    assert [row[0] for row in rows] == [*("guard.accepted" for _ in guards), "import.applied"]
    assert sorted(row[4].partition(":")[0] for row in rows[:-1]) == guards
    assert {row[2] for row in rows} == {BY}


def test_a_file_that_is_no_plan_and_a_run_that_is_not_applied_leave_nothing(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    run_one(settings, written(tmp_path, "nothing.txt", b"no national file\n"))
    assert trail(connection) == []


def test_other_limits_of_guards_are_noted(
    settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", settings.database_url)
    for arguments in (["import", "guards"], ["import", "guards", "--source", "mssante", "--set", "shrink=0.02"]):
        with pytest.raises(SystemExit):
            cli.main(arguments)
    assert [(row[0], row[1], row[4]) for row in trail(connection)] == [("guard.changed", "mssante", "shrink=0.02")]
