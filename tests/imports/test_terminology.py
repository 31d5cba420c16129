"""Newer national code tables: labels change and codes come, without a release; none goes."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.code_tables import CodeTable, code_table
from app.imports.execute import undo_run
from app.imports.options import Options
from app.imports.pipeline import importer
from app.imports.receive import receive
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from app.imports.sources import terminology
from app.settings import Settings
from app.terminology.tables import DATA
from tests.harness.database import Database
from tests.imports.files import run, run_one, written, zipped
from tests.imports.test_parse import Parsed

ABOUT = "<OID>;<Type fichier>;<Nom fichier>;<Description>;<URL fichier>;<Date valid>;<Date fin>;<Date MàJ>"
MODES = "1.2.250.1.213.1.6.1.18;TRE;TRE_R23-ModeExercice.tabs;Mode d'exercice;https://exemple.fr/;2007;;20260827120000"
COLUMNS = "<OID>;<Code>;<Libellé adapté>;<Libellé court>;<Libellé long>;<Date valid>;<Date fin>;<Date MàJ>"


def tabs(*rows: str, about: str = MODES, encoding: str = "cp1252") -> bytes:
    return "\n".join((ABOUT, about, COLUMNS, *rows, "")).encode(encoding)


def mode(code: str, label: str, ended: str = "") -> str:
    return f"1.2.250.1.213.1.6.1.18;{code};{label};court;long;20070725150443;{ended};20210827120000"


def codes(connection: psycopg.Connection[Any], system: str) -> dict[str, str]:
    return dict(connection.execute("SELECT code, label FROM code WHERE system = %s ORDER BY code", [system]).fetchall())


def test_a_newer_table_changes_labels_adds_codes_and_takes_none_away(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    content = tabs(mode("S", "Salarié du secteur privé"), mode("X", "Mode nouveau", "20260101"))
    report = run_one(settings, written(tmp_path, "table.tabs", content))
    assert (report.source, report.state, report.stamp) == ("terminology", "applied", "202608271200")
    assert (report.read, report.blank, report.rejected) == (4, 2, 0)
    assert (report.diff["create"], report.diff["update"], report.diff["close"]) == (1, 1, 0)
    with database.connect(autocommit=True) as connection:
        assert codes(connection, "TRE_R23-ModeExercice") == {
            "B": "Bénévole",
            "L": "Libéral, indépendant, artisan, commerçant",
            "S": "Salarié du secteur privé",
            "X": "Mode nouveau",
        }
        shown = connection.execute("SELECT label FROM code_label WHERE value_set = 'mode' AND code = 'S'").fetchall()
        assert shown == [("Salarié du secteur privé",)]
        oid = connection.execute("SELECT oid FROM code_system WHERE id = 'TRE_R23-ModeExercice'").fetchall()
        assert oid == [("1.2.250.1.213.1.6.1.18",)]


def test_the_tables_that_we_ship_change_nothing(settings: Settings, tmp_path: Path) -> None:
    names = ("TRE_R23-ModeExercice.tsv", "TRE_R38-SpecialiteOrdinale.tsv", "savoir_faire_all.tsv")
    reports = run(settings, tmp_path, *(DATA / name for name in names))
    assert [report.state for report in reports] == ["applied"] * 3
    assert all(report.diff["update"] == report.diff["create"] == 0 for report in reports)


def test_a_table_is_known_by_its_number(database: Database, settings: Settings, tmp_path: Path) -> None:
    about = MODES.replace("TRE_R23-ModeExercice", "TRE_R23-ModeDExercice")
    run_one(settings, written(tmp_path, "x.tabs", tabs(mode("S", "Salariat"), about=about)))
    with database.connect(autocommit=True) as connection:
        assert codes(connection, "TRE_R23-ModeExercice")["S"] == "Salariat"
        assert codes(connection, "TRE_R23-ModeDExercice") == {}


def test_a_table_that_no_field_uses_is_kept_and_says_so(database: Database, settings: Settings, tmp_path: Path) -> None:
    content = b"code\tlabel\n01\tUn\n02\tDeux\n"
    report = run_one(settings, written(tmp_path, "JDV_J999-Essai.tsv", content))
    assert report.warnings["system.unbound"] == 1
    with database.connect(autocommit=True) as connection:
        assert codes(connection, "JDV_J999-Essai") == {"01": "Un", "02": "Deux"}


def test_several_tables_come_in_one_zip(settings: Settings, tmp_path: Path) -> None:
    other = MODES.replace("TRE_R23-ModeExercice", "TRE_R22-GenreActivite")
    members = {"NOS/a.tabs": tabs(mode("S", "Salariat")), "NOS/b.tabs": tabs(mode("G", "Genre"), about=other)}
    reports = run(settings, tmp_path, zipped(tmp_path, "NOS.zip", members))
    assert [report.state for report in reports] == ["applied", "applied"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1.2;;Sans code;c;l;2007;;2021", (4, "<Code>", "code.missing")),
        ("1.2;X;;c;l;2007;;2021", (4, "<Libellé adapté>", "label.missing")),
        ("1.2;X;trop;peu", (4, None, "line.field_count")),
    ],
)
def test_a_row_that_is_no_code_is_rejected(
    database: Database, settings: Settings, tmp_path: Path, row: str, expected: tuple[int, str | None, str]
) -> None:
    assert run_one(settings, written(tmp_path, "a.tabs", tabs(row, mode("S", "Salarié")))).rejected == 1
    with database.connect(autocommit=True) as connection:
        assert connection.execute('SELECT line, "column", code FROM import_reject').fetchall() == [expected]


def test_a_table_without_a_name_is_refused(tmp_path: Path) -> None:
    for name, content in (("table.tsv", b"code\tlabel\n1\tUn\n"), ("TRE_R1.tabs", ABOUT.encode() + b"\nx\n")):
        with pytest.raises(FileRefused) as refused:
            recognise(receive(written(tmp_path, name, content))[0])
        assert refused.value.code == "system.unknown"


SAMPLE = tabs(mode("S", "Salarié"), mode("L", "Libéral"), "", mode("B", "Bénévole"))


@given(st.binary(max_size=6), st.integers(0, len(SAMPLE)), st.integers(0, 40), st.integers(1, 200))
def test_any_mutation_is_read_to_the_end_or_refused(noise: bytes, at: int, dropped: int, size: int) -> None:
    content = SAMPLE[:at] + noise + SAMPLE[at + dropped :]
    layout = code_table(SAMPLE.decode("cp1252").splitlines()[:3], "x", terminology.SOURCE, None)
    assert isinstance(layout, CodeTable)
    try:
        parsed = Parsed(content, layout, chunk=lambda: size)
    except FileRefused:
        return
    assert parsed.read == len(parsed.rows) + parsed.rejected + parsed.blank


def test_an_undo_gives_back_labels_and_takes_new_codes_away(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    with database.connect(autocommit=True) as connection:
        before = codes(connection, "TRE_R23-ModeExercice")
    report = run_one(settings, written(tmp_path, "a.tabs", tabs(mode("S", "Salariat"), mode("X", "Nouveau"))))
    with importer(settings) as connection:
        assert undo_run(connection, settings, report.run, Options(tmp_path)).state == "undone"
    with database.connect(autocommit=True) as connection:
        assert codes(connection, "TRE_R23-ModeExercice") == before
