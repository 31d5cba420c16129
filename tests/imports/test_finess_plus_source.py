"""FINESS+ says what the older stock says, and names the legal entities besides."""

from pathlib import Path

import pytest

from app.sandbox.generate import Generated, generate
from app.settings import Settings
from tests.harness.database import Database
from tests.imports.files import SAMPLES, run, run_one, written


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(2_000, 1, tmp_path_factory.mktemp("day"), finess_plus=True)


def plus_of(day: Generated) -> Path:
    assert day.finess_plus
    return day.finess_plus.path


def test_after_the_stock_it_changes_no_site_and_adds_the_legal_entities(
    database: Database, settings: Settings, tmp_path: Path, day: Generated
) -> None:
    (stock,) = run(settings, tmp_path, day.finess.path)
    assert (stock.state, stock.diff["create"]) == ("applied", day.finess.rows)
    (plus,) = run(settings, tmp_path, plus_of(day), accept=("changes",))
    assert (plus.state, plus.rejected) == ("applied", 0)
    assert (plus.diff["update"], plus.diff["close"], plus.diff["same"]) == (0, 0, day.finess.rows)
    with database.connect(autocommit=True) as connection:
        entities = connection.execute("SELECT count(*) FROM organization_record WHERE kind = 'LEGAL_ENTITY'").fetchone()
        assert entities == (plus.diff["create"],)
        orphans = """SELECT count(*) FROM organization_record r WHERE parent IS NOT NULL
            AND NOT EXISTS (SELECT FROM organization_record p WHERE p.finess = r.parent)"""
        assert connection.execute(orphans).fetchone() == (0,)


def test_the_same_again_changes_nothing(settings: Settings, tmp_path: Path, day: Generated) -> None:
    run(settings, tmp_path, plus_of(day))
    (again,) = run(settings, tmp_path, plus_of(day))
    assert again.diff["create"] == again.diff["update"] == again.diff["close"] == 0


def test_the_sample_is_three_structures(database: Database, settings: Settings, tmp_path: Path) -> None:
    (report,) = run(settings, tmp_path, SAMPLES / "finess-structures-SYNTHETIC.json")
    assert (report.diff["create"], report.blank, report.warnings["structure.closed"]) == (3, 2, 2)
    query = "SELECT finess, kind, parent, commune, department, city, opened::text FROM organization_record ORDER BY 1"
    with database.connect(autocommit=True) as connection:
        assert connection.execute(query).fetchall() == [
            ("979900017", "GEOGRAPHICAL_ENTITY", "990000044", "97127", "971", "ST MARTIN", None),
            ("990000010", "GEOGRAPHICAL_ENTITY", "990000028", "25056", "25", "BESANCON", "1979-02-13"),
            ("990000028", "LEGAL_ENTITY", None, "25056", "25", "BESANCON", "1994-01-01"),
        ]


def test_a_structure_without_a_number_is_rejected(database: Database, settings: Settings, tmp_path: Path) -> None:
    content = b'{"pmej": [{"informationsGeneralesPMEJ": {"numFinessPm": "990000028"}, "ege": [null]}]}'
    assert run_one(settings, written(tmp_path, "x.json", content)).rejected == 1
    with database.connect(autocommit=True) as connection:
        rejects = connection.execute('SELECT line, "column", code FROM import_reject').fetchall()
    assert rejects == [(2, "numFinessEge", "finess.missing")]
