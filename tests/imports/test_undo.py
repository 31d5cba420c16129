"""Undo: everything as it was before, or nothing and the reasons."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.console import Refused
from app.imports.guards import NAMES
from app.imports.options import Options
from app.imports.report import Report
from app.sandbox.generate import Generated, generate
from app.settings import Settings
from tests.harness.database import Database
from tests.imports import files, state
from tests.imports.files import edited, run, run_one, written

Connection = psycopg.Connection[Any]
SOURCES = ("personne_activite", "savoir_faire", "mssante", "finess", "liste_blanche")


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Generated, Generated]:
    folder = tmp_path_factory.mktemp("days")
    return generate(120, 5, folder / "1"), generate(120, 5, folder / "2", next_day=True)


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect(autocommit=True)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(tmp_path / "rejects", frozenset(NAMES), by="jeanne")


def imported(settings: Settings, options: Options, day: Generated) -> dict[str, Report]:
    """The runs of a day by source; none of them was refused."""
    reports = run(settings, options.rejects, *(file.path for file in day.files), accept=NAMES)
    assert {report.state for report in reports} == {"applied"}
    return {report.source: report for report in reports}


def test_after_the_undo_of_a_day_all_is_as_the_day_before_and_the_same_files_do_the_same_again(
    settings: Settings, connection: Connection, options: Options, days: tuple[Generated, Generated]
) -> None:
    imported(settings, options, days[0])
    yesterday = state.whole(connection)
    runs = imported(settings, options, days[1])
    today = state.said(connection)
    assert today[1] != yesterday[1]
    for source in reversed(runs):
        report = state.undo(settings, runs[source].run, options)
        assert (report.state, report.undone_by) == ("undone", "jeanne")
    assert state.differences(yesterday[0], state.whole(connection)[0]) == {}
    assert state.digest(connection) == yesterday[1]
    again = imported(settings, options, days[1])
    assert {name: report.diff for name, report in again.items()} == {name: report.diff for name, report in runs.items()}
    assert {name: report.mode for name, report in again.items()} == {name: report.mode for name, report in runs.items()}
    assert state.said(connection) == today


def test_what_a_run_deleted_comes_back_to_the_last_column(
    settings: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    run_one(settings, files.MAILBOXES)
    before = state.whole(connection)
    head, *lines = files.MAILBOXES.read_text("utf-8").splitlines()
    place = next(place for place, line in enumerate(lines) if "anais.modele@ch-" in line)
    fewer = written(tmp_path, "fewer.txt", "\n".join([head, *lines[:place], *lines[place + 1 :]]).encode())
    report = run_one(settings, fewer, accept=NAMES)
    deleted = connection.execute("SELECT target FROM import_change WHERE action = 'delete'").fetchall()
    assert deleted == [("mailbox_attachment",)]
    state.undo(settings, report.run, options)
    assert state.differences(before[0], state.whole(connection)[0]) == {}


def test_a_deleted_row_that_somebody_made_again_holds_the_undo_and_is_named(
    settings: Settings, connection: Connection, options: Options, tmp_path: Path
) -> None:
    run_one(settings, files.MAILBOXES)
    head, *lines = files.MAILBOXES.read_text("utf-8").splitlines()
    place = next(place for place, line in enumerate(lines) if "anais.modele@ch-" in line)
    fewer = written(tmp_path, "fewer.txt", "\n".join([head, *lines[:place], *lines[place + 1 :]]).encode())
    report = run_one(settings, fewer, accept=NAMES)
    key = "address, practitioner, organization"
    connection.execute(
        f"INSERT INTO mailbox_attachment ({key}) SELECT before ->> 'address', before ->> 'practitioner',"
        " before ->> 'organization' FROM import_change WHERE action = 'delete' AND target = 'mailbox_attachment'"
    )
    before = state.whole(connection)
    with pytest.raises(Refused, match=r"anais\.modele@ch-") as refused:
        state.undo(settings, report.run, options)
    assert refused.value.code == "import.undo_refused"
    assert state.whole(connection) == before


def test_the_undo_publishes_forward_and_leaves_a_receipt(
    settings: Settings, connection: Connection, options: Options
) -> None:
    run_one(settings, files.PERSONS)
    done = run_one(settings, files.MAILBOXES)
    assert done.edition_after is not None
    state.undo(settings, done.run, options)
    row = connection.execute(
        "SELECT state, undone_by, undone_at IS NOT NULL, edition_before, edition_after, edition_undone, file_sha256"
        " FROM import_run WHERE id = %s",
        [done.run],
    ).fetchone()
    assert row is not None
    assert row[:3] == ("undone", "jeanne", True)
    assert row[3] < row[4] == done.edition_after < row[5]
    assert row[6] == done.sha256
    assert connection.execute("SELECT edition FROM directory").fetchone() == (row[5],)
    assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)


def test_after_the_undo_of_first_loads_the_directory_is_empty_again(
    settings: Settings, connection: Connection, options: Options, days: tuple[Generated, Generated]
) -> None:
    empty = state.whole(connection)
    runs = imported(settings, options, days[0])
    assert set(runs) >= set(SOURCES)
    for source in reversed(runs):
        state.undo(settings, runs[source].run, options)
    assert state.differences(empty[0], state.whole(connection)[0]) == {}
    assert state.digest(connection) == empty[1]
    loaded = connection.execute("SELECT count(*) FROM source WHERE loaded OR run IS NOT NULL OR stamp IS NOT NULL")
    assert loaded.fetchone() == (0,)
    again = imported(settings, options, days[0])
    assert {report.mode for report in again.values()} <= {"first"}


def two_days(settings: Settings, options: Options, days: tuple[Generated, Generated]) -> tuple[Report, Report]:
    """The mailboxes' runs of two days."""
    first, second = (imported(settings, options, day)["mssante"] for day in days)
    return first, second


def refused(settings: Settings, connection: Connection, options: Options, run_id: str) -> Refused:
    """Why the undo of this run was refused; nothing changed."""
    before = state.whole(connection)
    with pytest.raises(Refused) as found:
        state.undo(settings, run_id, options)
    assert state.whole(connection) == before
    assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    return found.value


TOUCHED = """
SELECT entity_key FROM import_change c JOIN import_run r ON r.number = c.run
WHERE r.id = %s AND target = 'mailbox' AND action = %s ORDER BY 1 LIMIT 1
"""


@pytest.mark.parametrize("action", ["create", "update", "close"])
def test_a_row_that_an_operator_wrote_since_holds_the_undo_and_is_named(
    settings: Settings,
    connection: Connection,
    options: Options,
    days: tuple[Generated, Generated],
    tmp_path: Path,
    action: str,
) -> None:
    imported(settings, options, days[0])
    second = run_one(settings, edited(days[0].mailboxes.path, tmp_path))
    assert (second.diff["create"], second.diff["update"], second.diff["close"]) == (1, 1, 1)
    row = connection.execute(TOUCHED, [second.run, action]).fetchone()
    assert row is not None
    connection.execute("UPDATE mailbox SET description = 'by hand' WHERE address = %s", [row[0]])
    found = refused(settings, connection, options, second.run)
    assert found.code == "import.undo_refused"
    assert f"mailbox {row[0]} (mailbox)" in found.message


def test_writes_to_other_rows_do_not_hold_the_undo(
    settings: Settings, connection: Connection, options: Options, days: tuple[Generated, Generated]
) -> None:
    imported(settings, options, days[0])
    yesterday = state.registry(connection)
    second = imported(settings, options, days[1])["mssante"]
    other = connection.execute(
        "UPDATE mailbox SET description = 'by hand' WHERE address = (SELECT min(m.address) FROM mailbox m WHERE NOT"
        " EXISTS (SELECT FROM import_change c WHERE c.entity_key = m.address)) RETURNING address"
    ).fetchone()
    assert other is not None
    state.undo(settings, second.run, options)
    now = state.registry(connection)
    assert sum((yesterday["mailbox"] - now["mailbox"]).values()) == 1
    assert yesterday["mailbox_attachment"] == now["mailbox_attachment"]


def test_a_later_row_that_refers_to_a_created_one_holds_the_undo(
    settings: Settings, connection: Connection, options: Options
) -> None:
    persons = run_one(settings, files.PERSONS)
    run_one(settings, files.SKILLS)
    found = refused(settings, connection, options, persons.run)
    assert found.code == "import.undo_refused"
    assert "practitioner 899900000029 (referred to by skill)" in found.message


def test_only_the_latest_run_of_a_source_is_undone_one_after_the_other(
    settings: Settings, connection: Connection, options: Options, days: tuple[Generated, Generated]
) -> None:
    first, second = two_days(settings, options, days)
    found = refused(settings, connection, options, first.run)
    assert (found.code, second.run in found.message) == ("import.not_latest", True)
    state.undo(settings, second.run, options)
    state.undo(settings, first.run, options)
    assert connection.execute("SELECT count(*) FROM mailbox WHERE source = 'mssante'").fetchone() == (0,)


def test_a_run_is_undone_once(settings: Settings, connection: Connection, options: Options) -> None:
    done = run_one(settings, files.MAILBOXES)
    state.undo(settings, done.run, options)
    found = refused(settings, connection, options, done.run)
    assert found.code == "import.not_applied"
    assert "undone" in found.message


def test_what_is_older_than_its_retention_stays(settings: Settings, connection: Connection, options: Options) -> None:
    run_one(settings, files.MAILBOXES)
    done = run_one(settings, files.MAILBOXES, accept=("same_file",))
    days = settings.import_undo_days
    connection.execute("UPDATE import_run SET applied_at = now() - make_interval(days => %s)", [days])
    assert refused(settings, connection, options, done.run).code == "import.too_old"
    # The rows as they were are gone with it.
    assert connection.execute("SELECT count(*) FROM import_change").fetchone() == (0,)


def test_a_run_that_changed_nothing_or_was_never_applied_is_no_undo(
    settings: Settings, connection: Connection, options: Options
) -> None:
    run_one(settings, files.MAILBOXES)
    same = run_one(settings, files.MAILBOXES)
    assert (same.state, same.mode) == ("applied", "same")
    assert refused(settings, connection, options, same.run).code == "import.not_applied"
    planned = run_one(settings, files.PERSONS, dry_run=True)
    assert refused(settings, connection, options, planned.run).code == "import.not_applied"
    assert refused(settings, connection, options, "20260101T000000-mssante-000000").code == "import.unknown_run"
