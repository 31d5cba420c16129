"""Diplomas and authorisations of practice: kept in the registry, shown nowhere yet."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.sandbox.generate import generate
from app.settings import Settings
from tests.harness.database import Database
from tests.imports import files
from tests.imports.files import run, run_one, written

HEADER = (files.DATA / "headers" / "PS_LibreAcces_Dipl_AutExerc.txt").read_text("utf-8")


SAME = "8|99900000060|899900000060|A|B|DE||DE10|||||"
OTHER = "8|99900000060|899900000060|A|B|DU||DU1|||||"


def rows(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT practitioner, kind, type, code FROM qualification ORDER BY 1, 2, 3, 4").fetchall()


def a_file(folder: Path, *lines: str, name: str = "dipl.txt") -> Path:
    return written(folder, name, (HEADER + "".join(f"{line}\n" for line in lines)).encode())


def test_the_sample_gives_a_row_for_each_diploma_and_each_authorisation(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    (report,) = run(settings, tmp_path, files.DIPLOMAS)
    assert (report.state, report.source) == ("applied", "dipl_aut_exerc")
    assert report.diff["create"] == 4
    assert report.warnings["practitioner.unknown"] == 3
    with database.connect(autocommit=True) as connection:
        assert rows(connection) == [
            ("899900000029", "diploma", "DE", "DE09"),
            ("899900000037", "authorisation", "AUT2", ""),
            ("899900000052", "authorisation", "AUT1", "DIS1"),
            ("899900000052", "diploma", "DEEE", ""),
        ]
        assert connection.execute("SELECT DISTINCT register_state FROM practitioner").fetchall() == [("unknown",)]
        label = connection.execute("SELECT label FROM code_label WHERE value_set = 'diploma_type' AND code = 'DE'")
        assert label.fetchall() == [("Diplôme d'Etat français",)]
        kept = connection.execute(
            "SELECT code, label FROM file_label WHERE value_set = 'authorisation_type' ORDER BY 1"
        )
        assert kept.fetchall() == [("AUT1", "Autorisation fictive"), ("AUT2", "Autorisation fictive")]


def test_the_next_file_takes_away_what_it_does_not_name(database: Database, settings: Settings, tmp_path: Path) -> None:
    run_one(settings, a_file(tmp_path, SAME, OTHER))
    report = run_one(
        settings,
        a_file(tmp_path, SAME, SAME, name="b.txt"),
        accept=("shrink", "file_shrank"),
    )
    assert report.state == "applied"
    assert (report.diff["close"], report.warnings["line.repeated"]) == (1, 1)
    with database.connect(autocommit=True) as connection:
        assert rows(connection) == [("899900000060", "diploma", "DE", "DE10")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("8||12|A|B|DE||DE10|||||", ("Identification nationale PP", "national_id.form")),
        ("|||A|B|DE||DE10|||||", ("Identification nationale PP", "national_id.missing")),
        ("8|99900000060|899900000060|A|B||||||||", ("Code diplôme obtenu", "qualification.missing")),
    ],
)
def test_a_line_that_says_nothing_is_rejected(
    database: Database, settings: Settings, tmp_path: Path, line: str, expected: tuple[str, str]
) -> None:
    report = run_one(settings, a_file(tmp_path, line))
    assert report.rejected == 1
    with database.connect(autocommit=True) as connection:
        assert connection.execute('SELECT "column", code FROM import_reject').fetchall() == [expected]


def test_the_zip_of_the_register_is_read_as_a_whole(database: Database, settings: Settings, tmp_path: Path) -> None:
    day = generate(120, 1, tmp_path, diplomas=True)
    assert day.diplomas
    members = {file.path.name: file.path.read_bytes() for file in (day.diplomas, day.skills, day.activity)}
    reports = run(settings, tmp_path, files.zipped(tmp_path, "PS_LibreAcces_202609230200.zip", members))
    assert reports[0].source == "personne_activite"
    assert {report.source for report in reports[1:]} == {"savoir_faire", "dipl_aut_exerc"}
    assert all(report.state == "applied" and not report.left_out for report in reports)
    with database.connect(autocommit=True) as connection:
        unknown = connection.execute("SELECT count(*) FROM practitioner WHERE register_state = 'unknown'").fetchone()
        assert unknown == (0,)
        before = connection.execute("SELECT count(*) FROM change").fetchone()
    again = run(settings, tmp_path, day.diplomas.path)
    assert again[0].diff["same"] > 0
    with database.connect(autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM change").fetchone() == before
