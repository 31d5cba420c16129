"""FINESS+ says what the older stock says, and names the legal entities besides."""

import gzip
from typing import Any

import psycopg
import pytest

from app.imports.finess_plus import FinessPlusLayout
from app.imports.layouts import FinessLayout
from app.sandbox.generate import Generated, generate
from tests.imports.sources.loader import load_layout
from tests.imports.sources.rows import SAMPLES

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(2_000, 1, tmp_path_factory.mktemp("day"), finess_plus=True)


def plus_of(day: Generated) -> bytes:
    assert day.finess_plus
    return gzip.decompress(day.finess_plus.path.read_bytes())


def test_after_the_stock_it_changes_no_site_and_adds_the_legal_entities(registry: Connection, day: Generated) -> None:
    stock = load_layout(registry, FinessLayout(None), day.finess.path.read_bytes())
    assert stock.plan == {"create": day.finess.rows}
    plus = load_layout(registry, FinessPlusLayout(None), plus_of(day))
    assert plus.rejects == []
    assert set(plus.plan) == {"create", "same"}
    assert plus.plan["same"] == day.finess.rows
    entities = registry.execute("SELECT count(*) FROM organization_record WHERE kind = 'LEGAL_ENTITY'").fetchone()
    assert entities == (plus.plan["create"],)
    orphans = """SELECT count(*) FROM organization_record r WHERE parent IS NOT NULL
        AND NOT EXISTS (SELECT FROM organization_record p WHERE p.finess = r.parent)"""
    assert registry.execute(orphans).fetchone() == (0,)


def test_the_same_again_changes_nothing(registry: Connection, day: Generated) -> None:
    load_layout(registry, FinessPlusLayout(None), plus_of(day))
    again = load_layout(registry, FinessPlusLayout(None), plus_of(day))
    assert set(again.plan) == {"same"}
    assert again.marks == set()


def test_the_sample_is_three_structures(registry: Connection) -> None:
    content = (SAMPLES / "finess-structures-SYNTHETIC.json").read_bytes()
    assert load_layout(registry, FinessPlusLayout(None), content).plan == {"create": 3}
    query = "SELECT finess, kind, parent, commune, department, city, opened::text FROM organization_record ORDER BY 1"
    assert registry.execute(query).fetchall() == [
        ("979900017", "GEOGRAPHICAL_ENTITY", "990000044", "97127", "971", "ST MARTIN", None),
        ("990000010", "GEOGRAPHICAL_ENTITY", "990000028", "25056", "25", "BESANCON", "1979-02-13"),
        ("990000028", "LEGAL_ENTITY", None, "25056", "25", "BESANCON", "1994-01-01"),
    ]


def test_a_structure_without_a_number_is_rejected(registry: Connection) -> None:
    content = b'{"pmej": [{"informationsGeneralesPMEJ": {"numFinessPm": "990000028"}, "ege": [null]}]}'
    assert load_layout(registry, FinessPlusLayout(None), content).rejects == [(2, "numFinessEge", "finess.missing")]
