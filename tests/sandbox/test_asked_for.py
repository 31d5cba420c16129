"""The files that are written only when asked for: diplomas, and the sites as FINESS+."""

import gzip
import io
import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.imports.finess_plus import FinessPlusLayout
from app.imports.layouts import FinessLayout
from app.imports.reading import Layout, Reading
from app.sandbox.commands import app
from app.sandbox.generate import Generated, generate
from tests.sandbox.conftest import lines_of, rows_of

HEADERS = Path(__file__).parents[1] / "data" / "headers"


@pytest.fixture(scope="module", params=[False, True], ids=["first day", "next day"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    out = tmp_path_factory.mktemp("full")
    return generate(1_500, 3, out, next_day=request.param, diplomas=True, finess_plus=True)


def staged(layout: Layout, content: bytes) -> dict[str, dict[str, str]]:
    """By FINESS number, what the layout stages of each structure."""
    with closing(Reading()) as reading:
        text = b"".join(layout.copy_text(io.BytesIO(content).read, reading)).decode().replace("\x01", "")
        assert reading.rejected == 0
    # The line number comes first, and the digest of the line where lines are kept.
    rows = (line.split("|")[2 if layout.keeps_lines else 1 :] for line in text.splitlines())
    return {row[0]: dict(zip(layout.fields, row, strict=True)) for row in rows}


def test_asking_for_more_leaves_the_five_files_as_they_are(full: Generated, tmp_path: Path) -> None:
    plain = generate(1_500, 3, tmp_path, next_day="24" in f"{full.stamp:%d}")
    assert len(plain.files) == 5
    for ours, theirs in zip(plain.files, full.files, strict=False):
        assert ours.path.read_bytes() == theirs.path.read_bytes()


def test_both_are_the_same_bytes_for_the_same_seed(full: Generated, tmp_path: Path) -> None:
    again = generate(1_500, 3, tmp_path, next_day="24" in f"{full.stamp:%d}", diplomas=True, finess_plus=True)
    for ours, theirs in zip(again.files[5:], full.files[5:], strict=True):
        assert ours.path.read_bytes() == theirs.path.read_bytes()


def test_the_sites_of_finess_plus_are_those_of_the_stock_cell_by_cell(full: Generated) -> None:
    assert full.finess_plus
    stock = staged(FinessLayout(None), full.finess.path.read_bytes())
    plus = staged(FinessPlusLayout(None), gzip.decompress(full.finess_plus.path.read_bytes()))
    sites = {finess: row for finess, row in plus.items() if finess != row["finess_legal"]}
    assert len(stock) == full.finess.rows
    for row in stock.values():
        del row["type_label"]
        row["name"], row["long_name"] = (" ".join(row[name].split()) for name in ("name", "long_name"))
        row["street"] = " ".join(row["street"].split())
    assert sites == stock
    assert len(plus) - len(sites) == len({row["finess_legal"] for row in stock.values()})


def test_finess_plus_counts_its_records_and_holds_closed_ones(full: Generated) -> None:
    assert full.finess_plus
    content = json.loads(gzip.decompress(full.finess_plus.path.read_bytes()))
    sites = [site for entity in content["pmej"] for site in entity["ege"]]
    assert full.finess_plus.rows == len(content["pmej"]) + len(sites)
    assert Counter(site["etatObjet"] for site in sites)["I"] > 0


def test_diplomas_have_the_official_header_and_name_the_persons_of_the_day(full: Generated) -> None:
    assert full.diplomas
    lines = lines_of(full.diplomas.path)
    assert lines[0] == (HEADERS / "PS_LibreAcces_Dipl_AutExerc.txt").read_text("utf-8").removesuffix("\n")
    rows = rows_of(full.diplomas.path)
    assert {len(row) for row in rows} == {13}
    persons = {tuple(row[:3]) for row in rows_of(full.activity.path)}
    assert {tuple(row[:3]) for row in rows} <= persons
    assert 1.0 < len(rows) / len(persons) < 1.3
    assert any(row[9] for row in rows)


def test_the_command_asks_for_them(tmp_path: Path) -> None:
    arguments = ["generate", "--professionals", "60", "--out", str(tmp_path), "--dipl", "--finess-plus"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} >= {
        "PS_LibreAcces_Dipl_AutExerc_202609230200.txt",
        "finess-structures-journalier-20260923.json.gz",
    }
