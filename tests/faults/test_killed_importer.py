"""kill -9 of a command that imports, applies or undoes: the same command again ends as the undisturbed one does."""

import time
from pathlib import Path
from typing import Any

import pytest

from app.imports.options import Options
from tests.faults.commands import PATIENCE, done, kill, started, words
from tests.faults.conftest import ACCEPTED, Days, assert_undisturbed, imports, load, settings_of, tell_of
from tests.faults.gate import gate, until
from tests.faults.report import Tell
from tests.harness.database import Database
from tests.imports import state
from tests.imports.files import run

OF_IMPORT = (
    "received, waiting for its turn",
    "in the middle of COPY",
    "with its rejects written, staging not committed",
    "with staging committed",
    "in the comparison",
    "before the plan is written down",
    "at the first row of the registry",
    "at the first mark",
    "before the receipt",
    "while it is published",
    "published, before that is written down",
)
# A commit that was asked for goes on although nobody waits for its end any more.
OF_COMMITS = ("as the plan is committed", "as the registry is committed")
# These run with every suite, the others with `make faults`.
DRAINING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.objid = 6 AND l.granted AND d.datname = current_database()
"""
ALWAYS = {"in the middle of COPY", "before the receipt", "as the registry is committed", "while it is published"}


def points(*names: str) -> list[Any]:
    return [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.fault) for name in names]


def killed_at(database: Database, folder: Path, point: str, *arguments: str | Path) -> None:
    """Run this command until it stands at the point, and kill it."""
    with gate(database, point) as closed, started(database, folder, *arguments) as process:
        closed.wait(lambda: process.poll() is None)
        kill(process)
        if point not in OF_COMMITS:
            closed.end_session()
        closed.open()
        closed.remove()


@pytest.mark.parametrize("point", points(*OF_IMPORT, *OF_COMMITS))
def test_the_next_day_imported_again_after_a_kill_is_the_undisturbed_next_day(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell, point: str
) -> None:
    command = imports(days.second, tmp_path)
    killed_at(loaded, tmp_path, point, *command)
    begun = time.monotonic()
    assert done(loaded, tmp_path, *command) in {0, 1}, words(tmp_path)
    tell_of(tell, "F2", "an importer of the next day is killed", loaded, tmp_path, begun)
    assert_undisturbed(loaded, days.after_second)


@pytest.mark.fault
@pytest.mark.parametrize(
    "point",
    [
        "in the middle of COPY",
        "at the first row of the registry",
        "as the registry is committed",
        "while it is published",
    ],
)
def test_a_first_load_imported_again_after_a_kill_is_the_undisturbed_one(
    database: Database, days: Days, tmp_path: Path, tell: Tell, point: str
) -> None:
    command = imports(days.first, tmp_path)
    killed_at(database, tmp_path, point, *command)
    begun = time.monotonic()
    assert done(database, tmp_path, *command) == 0, words(tmp_path)
    tell_of(tell, "F2", "an importer of a first load is killed", database, tmp_path, begun)
    assert_undisturbed(database, days.after_first)


@pytest.mark.parametrize("point", points("before the receipt", "as the registry is committed", "at the first mark"))
def test_a_kill_leaves_the_registry_as_before_or_as_after_and_nothing_between(
    loaded: Database, days: Days, tmp_path: Path, point: str
) -> None:
    persons, mailboxes = days.second
    killed_at(loaded, tmp_path, point, "import", "run", persons, mailboxes, "--no-wait", *ACCEPTED)
    connection = loaded.connect(autocommit=True)
    is_after = point == "as the registry is committed"
    states = connection.execute("SELECT state FROM import_run WHERE file_name = %s", [persons.name]).fetchall()
    assert ("applied",) in states if is_after else states == [("refused",)]
    now = state.registry(connection)
    with_persons = days.after_second[0]
    for table in ("practice", "practitioner_role"):
        assert now[table] == (with_persons[table] if is_after else days.after_first[0][table])
    assert now["mailbox"] == days.after_first[0]["mailbox"]
    assert (connection.execute("SELECT count(*) FROM pending").fetchone() != (0,)) is is_after


def planned(database: Database, days: Days, folder: Path) -> str:
    """The plan of the second day's mailboxes, the persons being imported."""
    persons, mailboxes = days.second
    load(database.dsn, folder, (persons,))
    (report,) = run(settings_of(database.dsn), folder, mailboxes, dry_run=True)
    return report.run


@pytest.mark.fault
@pytest.mark.parametrize(
    "point",
    ["at the first row of the registry", "before the receipt", "as the registry is committed", "while it is published"],
)
def test_a_plan_applied_again_after_a_kill_is_applied_once(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell, point: str
) -> None:
    command = ("import", "apply", planned(loaded, days, tmp_path), *ACCEPTED)
    killed_at(loaded, tmp_path, point, *command)
    is_applied = point in {"as the registry is committed", "while it is published"}
    begun = time.monotonic()
    assert done(loaded, tmp_path, *command) == (2 if is_applied else 1), words(tmp_path)
    if is_applied:
        assert "only a plan can be applied" in words(tmp_path)
        # What waits is published by whoever comes next: here a file that changes nothing itself.
        assert done(loaded, tmp_path, "import", "run", days.second[1]) == 1, words(tmp_path)
    tell_of(tell, "F2", "the applying of a plan is killed", loaded, tmp_path, begun)
    assert_undisturbed(loaded, days.after_second)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("at the first row of the registry", marks=pytest.mark.fault),
        "before the receipt of the undo",
        pytest.param("as the registry is committed", marks=pytest.mark.fault),
        pytest.param("while it is published", marks=pytest.mark.fault),
    ],
)
def test_an_undo_again_after_a_kill_is_one_undo(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell, point: str
) -> None:
    settings = settings_of(loaded.dsn)
    reports = run(settings, tmp_path, *days.second, accept=tuple(ACCEPTED[1::2]))
    persons, mailboxes = (report.run for report in reports)
    killed_at(loaded, tmp_path, point, "import", "undo", mailboxes)
    is_undone = point in {"as the registry is committed", "while it is published"}
    begun = time.monotonic()
    assert done(loaded, tmp_path, "import", "undo", mailboxes) == (2 if is_undone else 0), words(tmp_path)
    state.undo(settings, persons, Options(tmp_path))
    tell_of(tell, "F2", "an undo is killed", loaded, tmp_path, begun)
    assert_undisturbed(loaded, days.after_first)
    # And the next day does what it did, its lines compared with those of the first.
    assert load(loaded.dsn, tmp_path, days.second) == days.after_second


def test_a_killed_worker_leaves_the_drain_to_the_waiting_import(
    loaded: Database, days: Days, tmp_path: Path, tell: Tell
) -> None:
    with started(loaded, tmp_path, "worker") as worker, loaded.connect(autocommit=True) as watch:
        until(lambda: watch.execute(DRAINING).fetchone() == (1,), "the worker is the one drain")
        command = imports(days.second, tmp_path)
        with gate(loaded, "while it is published") as closed, started(loaded, tmp_path, *command) as importing:
            closed.wait(lambda: importing.poll() is None and worker.poll() is None)
            kill(worker)
            struck = time.monotonic()
            closed.end_session()
            closed.open()
            assert importing.wait(PATIENCE) == 1, words(tmp_path)
            closed.remove()
    tell_of(tell, "F2", "the worker is killed while it publishes an import", loaded, tmp_path, struck)
    assert_undisturbed(loaded, days.after_second)
