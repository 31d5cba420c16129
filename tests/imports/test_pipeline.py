"""The engine from files to the published directory: order, repetition, refusal, guards, records of runs."""

import gzip
import itertools
import random
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.console import Refused
from app.db import connect
from app.embedded import Postgres
from app.imports import runs
from app.imports.layouts import MAX_VALUE
from app.imports.options import Options
from app.imports.pipeline import IMPORT_LOCK, import_files
from app.publication.digest import root
from app.settings import Settings
from tests.harness.database import cloned
from tests.imports import files
from tests.imports.files import run, run_one, written, zipped

WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
"""
ALL = (files.MAILBOXES, files.SKILLS, files.PERSONS, files.SITES, files.SHORT_LIST)


def digest(settings: Settings) -> str:
    with connect(settings) as connection:
        return root(connection).root


def value(settings: Settings, statement: str) -> Any:
    with connect(settings) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def settings_of(dsn: str) -> Settings:
    return Settings(_env_file=None, database_url=dsn, ldap_enabled=False)


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_all_samples_import_and_are_published(settings: Settings, tmp_path: Path) -> None:
    reports = run(settings, tmp_path, *ALL)
    assert [report.source for report in reports] == [
        "liste_blanche",
        "finess",
        "personne_activite",
        "savoir_faire",
        "mssante",
    ]
    assert {report.state for report in reports} == {"applied"}
    assert all(report.read == report.accepted + report.rejected + report.blank for report in reports)
    assert {report.edition_after for report in reports} == {value(settings, "SELECT edition FROM directory")}
    assert value(settings, "SELECT count(*) FROM pending") == 0
    assert value(settings, "SELECT count(*) FROM source WHERE loaded AND run IS NOT NULL") == 5
    assert value(settings, "SELECT stamp FROM source WHERE name = 'finess'") == "20260512"


def test_files_given_one_by_one_in_any_order_end_in_the_same_directory(
    settings: Settings, migrated: Postgres, tmp_path: Path
) -> None:
    run(settings, tmp_path, *ALL)
    expected = digest(settings)
    for order in itertools.islice(itertools.permutations(ALL), 1, 120, 37):
        with cloned(migrated) as other:
            for path in order:
                run(settings_of(other.dsn), tmp_path, path)
            assert digest(settings_of(other.dsn)) == expected, [path.name for path in order]


def other_clothes() -> dict[str, bytes]:
    head, *rows = lines(files.PERSONS)
    swapped = ["|".join(reversed(line.split("|"))) for line in (head, *rows)]
    return {
        "crlf": "\r\n".join([head, *rows]).encode(),
        "trailing separator": "".join(f"{line}|\n" for line in (head, *rows)).encode(),
        "column order": "\n".join(swapped).encode(),
        "unknown column": "\n".join([f"Nouveau|{head}", *(f"x|{row}" for row in rows)]).encode(),
        "cp1252": "\n".join([head, *rows]).encode("cp1252"),
        "byte order mark": "\n".join([head, *rows]).encode("utf-8-sig"),
        "row order": "\n".join([head, *reversed(rows)]).encode(),
        "blank lines": "\n\n".join([head, *rows, ""]).encode(),
        "labels": "\n".join([head.upper().replace("'", "\u2019"), *rows]).encode(),
    }


def test_two_files_of_one_source_without_a_date_are_applied_in_one_order(
    settings: Settings, database: Any, tmp_path: Path
) -> None:
    head, *rows = lines(files.MAILBOXES)
    paths = [written(tmp_path, f"{n}.txt", f"{head}\n{row}".encode()) for n, row in enumerate(rows[:2])]
    for given in (paths, paths[::-1]):
        run(settings, tmp_path, *given, accept=("shrink",))
    applied = database.connect().execute("SELECT file_name FROM import_run ORDER BY started_at").fetchall()
    assert applied[:2] == applied[2:]


@pytest.mark.parametrize("name", other_clothes())
def test_the_same_file_in_other_clothes_changes_nothing(settings: Settings, tmp_path: Path, name: str) -> None:
    run(settings, tmp_path, files.PERSONS, files.MAILBOXES)
    edition, before = value(settings, "SELECT edition FROM directory"), digest(settings)
    report = run_one(settings, written(tmp_path, "PS_202701010000.txt", other_clothes()[name]))
    assert report.state == "applied"
    assert report.diff == {"create": 0, "update": 0, "close": 0, "same": 3}
    assert (value(settings, "SELECT edition FROM directory"), digest(settings)) == (edition, before)
    assert value(settings, "SELECT stamp FROM source WHERE name = 'personne_activite'") == "202701010000"


def test_a_zip_of_three_gives_three_runs_in_the_right_order(settings: Settings, tmp_path: Path) -> None:
    members = {path.name: path.read_bytes() for path in (files.MAILBOXES, files.SKILLS, files.PERSONS)}
    reports = run(settings, tmp_path, zipped(tmp_path, "PS_LibreAcces_202609230201.zip", members))
    assert [report.source for report in reports] == ["personne_activite", "savoir_faire", "mssante"]
    assert {report.stamp for report in reports} == {"202609230201"}
    assert len({report.run for report in reports}) == 3


def test_a_member_that_no_source_reads_is_left_out_and_said(settings: Settings, tmp_path: Path) -> None:
    members = {path.name: path.read_bytes() for path in (files.SKILLS, files.PERSONS)} | {"LISEZMOI.txt": b"Read me"}
    reports = run(settings, tmp_path, zipped(tmp_path, "PS_LibreAcces.zip", members))
    assert [report.state for report in reports] == ["applied", "applied"]
    assert all("LISEZMOI.txt (file.unknown)" in report.left_out[0] for report in reports)


def test_a_dry_run_says_what_would_change_and_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    before = digest(settings)
    (report,) = run(settings, tmp_path, files.MAILBOXES, dry_run=True)
    assert (report.state, report.exit_code, report.diff["create"]) == ("planned", 0, 5)
    assert digest(settings) == before
    assert value(settings, "SELECT count(*) FROM mailbox") == 0
    assert value(settings, "SELECT count(*) FROM pending") == 0
    assert value(settings, "SELECT count(*) FROM source WHERE loaded") == 0
    assert value(settings, "SELECT state FROM import_run") == "planned"


def test_without_waiting_the_marks_are_left_to_the_worker(settings: Settings, tmp_path: Path) -> None:
    (report,) = import_files(settings, [files.MAILBOXES], Options(tmp_path, wait=False))
    assert report.as_json()["edition"] == {"before": 0, "after": None}
    assert report.pending == value(settings, "SELECT count(*) FROM pending")
    assert value(settings, "SELECT count(*) FROM pending WHERE run IS NOT NULL") >= 5
    assert value(settings, "SELECT edition FROM directory") == 0


def test_a_file_that_lost_too_much_is_refused_until_its_guard_is_accepted(settings: Settings, tmp_path: Path) -> None:
    run(settings, tmp_path, files.MAILBOXES)
    before = digest(settings)
    half = written(tmp_path, "half.txt", "\n".join(lines(files.MAILBOXES)[:3]).encode())
    report = run_one(settings, half)
    assert (report.state, report.exit_code, report.guards[0].name) == ("refused", 2, "shrink")
    assert "3 of 5 mailbox entities" in report.guards[0].detail
    assert digest(settings) == before

    report = run_one(settings, half, accept=("shrink",))
    assert (report.state, report.diff["close"]) == ("applied", 3)
    assert (
        value(settings, "SELECT guards -> 0 -> 'accepted' FROM import_run WHERE state = 'applied' AND guards <> '[]'")
        is True
    )


def test_a_first_load_of_one_line_is_no_shrinkage(settings: Settings, tmp_path: Path) -> None:
    assert (
        run_one(settings, written(tmp_path, "x.txt", files.MAILBOXES.read_bytes().splitlines()[0])).state == "applied"
    )


def test_rejected_lines_are_kept_with_line_column_code_and_text(
    settings: Settings, database: Any, tmp_path: Path
) -> None:
    head, first, *rest = lines(files.MAILBOXES)
    bad = first.replace("@", "#")
    path = written(tmp_path, "x.txt", "\n".join([head, first, "", bad, "short|line", "a\0|b", *rest]).encode())
    report = run_one(settings, path)
    assert (report.state, report.exit_code) == ("applied", 1)
    assert (report.read, report.accepted, report.rejected, report.blank) == (10, 6, 3, 1)
    assert [guard.level for guard in report.guards] == ["warn"]
    kept = (
        database.connect().execute('SELECT line, "column", code, content FROM import_reject ORDER BY line').fetchall()
    )
    assert [row[:3] for row in kept] == [
        (4, "Adresse BAL", "address.at_sign"),
        (5, None, "line.field_count"),
        (6, "Type de BAL", "line.control_character"),
    ]
    assert kept[0][3] == bad
    assert kept[2][3] == "a\ufffd|b"
    assert report.rejects is not None
    assert [path.stat().st_mode & 0o777 for path in (Path(report.rejects).parent, Path(report.rejects))] == [
        0o700,
        0o600,
    ]
    table = Path(report.rejects).read_text("utf-8").splitlines()
    assert table[0] == f"{head}|reject_line|reject_code|reject_message"
    assert [row.split("|")[-3:-1] for row in table[1:]] == [[str(row[0]), row[2]] for row in kept]


@pytest.mark.parametrize(
    "label", ["Nom d'exercice", "Prénom d'exercice", "Code profession", "Code postal (coord. structure)"]
)
def test_a_value_that_no_index_can_hold_costs_its_line_and_nothing_else(
    settings: Settings, tmp_path: Path, label: str
) -> None:
    head, first, *rest = lines(files.PERSONS)
    column = head.split("|").index(label)
    # Letters at random: PostgreSQL would compress a repeated one into any index.
    word = "".join(random.Random(1).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=6_000))  # noqa: S311 - no secret
    cells = first.split("|")
    long, longest = ("|".join([*cells[:column], word[:size], *cells[column + 1 :]]) for size in (6_000, MAX_VALUE))
    report = run_one(settings, written(tmp_path, "x.txt", "\n".join([head, long, longest, *rest]).encode()))
    assert (report.state, report.rejected) == ("applied", 1)
    assert value(settings, """SELECT code || ' ' || "column" FROM import_reject""") == f"value.too_long {label}"
    assert value(settings, "SELECT count(*) FROM pending") == 0


def test_a_refused_file_does_not_stop_the_others(settings: Settings, tmp_path: Path) -> None:
    unknown = written(tmp_path, "letter.txt", b"Dear directory,\n")
    reports = run(settings, tmp_path, unknown, files.MAILBOXES, files.CUT_LIST)
    assert [(report.source, report.state) for report in reports] == [
        ("unknown", "refused"),
        ("liste_blanche", "refused"),
        ("mssante", "applied"),
    ]
    assert value(settings, "SELECT count(*) FROM import_run WHERE state = 'refused' AND finished_at IS NOT NULL") == 2


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda text: text.replace(b"Adresse BAL", b"Autre"), "header.column_missing"),
        (lambda text: text.replace(b"|", b";"), "file.unknown"),
        (lambda text: text.decode().encode("utf-16"), "encoding.utf_16"),
        (lambda text: text.decode().encode("cp1252") + "\né".encode(), "encoding.mixed"),
        (lambda text: b"\0" * 100 + text, "header.control_character"),
        (lambda _: b"", "file.empty"),
    ],
)
def test_a_refused_file_leaves_everything_as_it_was(settings: Settings, tmp_path: Path, spoil: Any, code: str) -> None:
    run(settings, tmp_path, files.MAILBOXES)
    before = digest(settings), value(settings, "SELECT run FROM source WHERE name = 'mssante'")
    report = run_one(settings, written(tmp_path, "x.txt", spoil(files.MAILBOXES.read_bytes())))
    assert (report.state, report.guards[0].name) == ("refused", code)
    assert (digest(settings), value(settings, "SELECT run FROM source WHERE name = 'mssante'")) == before
    assert (report.edition_after, value(settings, "SELECT count(*) FROM pending")) == (report.edition_before, 0)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_archive_changes_nothing(settings: Settings, tmp_path: Path, share: float) -> None:
    whole = zipped(tmp_path, "whole.zip", {"a.txt": files.MAILBOXES.read_bytes()}).read_bytes()
    report = run_one(settings, written(tmp_path, "cut.zip", whole[: int(len(whole) * share)]))
    assert (report.state, report.guards[0].name) == ("refused", "archive.damaged")
    assert value(settings, "SELECT count(*) FROM mailbox") == 0


def test_an_archive_whose_checksum_fails_at_the_end_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(files.MAILBOXES.read_bytes()))
    whole[-8] ^= 1
    report = run_one(settings, written(tmp_path, "flipped.gz", bytes(whole)))
    assert (report.state, report.guards[0].name) == ("refused", "archive.damaged")
    assert value(settings, "SELECT count(*) FROM mailbox") == 0


def test_labels_of_unknown_codes_come_from_the_file_and_stay_quiet(settings: Settings, tmp_path: Path) -> None:
    text = files.PERSONS.read_bytes()
    code = next(row.split("|") for row in lines(files.PERSONS)[1:])[9]
    changed = text.replace(f"|{code}|".encode(), b"|ZZ9|")
    run_one(settings, written(tmp_path, "x.txt", changed))
    found = "SELECT label FROM code_label WHERE value_set = 'profession' AND code = 'ZZ9'"
    label = value(settings, found)
    assert label is not None
    with connect(settings, autocommit=True) as connection:
        import_files(settings, [tmp_path / "x.txt"], Options(tmp_path, wait=False))
        assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)
    renamed = changed.replace(f"|ZZ9|{label}|".encode(), b"|ZZ9|Voyant|")
    run_one(settings, written(tmp_path, "y.txt", renamed))
    assert value(settings, found) == "Voyant"
    documents = "SELECT count(*) FROM publication WHERE kind = 'practitioner' AND document LIKE '%Voyant%'"
    assert value(settings, documents) > 0
    run_one(settings, written(tmp_path, "z.txt", text))
    assert value(settings, found) is None


def test_a_database_error_is_a_failed_run_and_nothing_of_it_stays(settings: Settings, tmp_path: Path) -> None:
    with connect(settings, autocommit=True) as connection:
        connection.execute("ALTER TABLE mailbox ADD CONSTRAINT broken CHECK (type <> 'ORG')")
    (report,) = run(settings, tmp_path, files.MAILBOXES)
    assert (report.state, report.exit_code, report.guards[0].name) == ("failed", 2, "database.error")
    assert "broken" in report.guards[0].detail
    assert value(settings, "SELECT count(*) FROM mailbox") == 0
    assert value(settings, "SELECT count(*) FROM pending") == 0


def test_a_second_importer_waits_for_the_first(settings: Settings, database: Any, tmp_path: Path) -> None:
    first = database.connect(autocommit=True)
    first.execute("SELECT pg_advisory_lock(%s)", [IMPORT_LOCK])
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.extend(run(settings, tmp_path, files.MAILBOXES)))
    thread.start()
    while first.execute(WAITING).fetchone() != (1,):
        assert thread.is_alive()
    assert first.execute("SELECT count(*) FROM import_run").fetchone() == (0,)
    first.execute("SELECT pg_advisory_unlock(%s)", [IMPORT_LOCK])
    thread.join(60)
    assert [report.state for report in reports] == ["applied"]


def test_a_file_that_the_system_refuses_does_not_hide_the_reports_of_the_others(
    settings: Settings, tmp_path: Path
) -> None:
    # A file stands where the folder of rejects should be made: the extraction, which has one bad line, cannot keep it.
    (tmp_path / "rejects").write_text("in the way", "utf-8")
    bad = written(
        tmp_path, "bad.txt", files.MAILBOXES.read_bytes().replace(b"secretariat.cardio@", b"secretariat cardio@")
    )
    persons, mailboxes = run(settings, tmp_path, files.PERSONS, bad)
    assert (persons.state, mailboxes.state) == ("applied", "failed")
    assert [guard.name for guard in mailboxes.guards] == ["import.rejects"]
    assert value(settings, "SELECT count(*) FROM mailbox") == 0
    assert value(settings, "SELECT count(*) FROM pending") == 0


def test_runs_are_found_again_with_their_first_rejects(settings: Settings, database: Any, tmp_path: Path) -> None:
    report = run_one(settings, written(tmp_path, "x.txt", files.MAILBOXES.read_bytes() + b"short\n"))
    connection: psycopg.Connection[Any] = database.connect()
    found = runs.find(connection, report.run)
    assert found.as_json()["lines"] == report.as_json()["lines"]
    assert found.as_json()["edition"] == {"before": report.edition_before, "after": report.edition_after}
    assert [reject["line"] for reject in runs.first_rejects(connection, report.run)] == [8]
    with pytest.raises(Refused) as refused:
        runs.find(connection, "nothing")
    assert refused.value.code == "import.unknown_run"
    assert [each.run for each in runs.latest(connection, 10)] == [report.run]
