"""The empty form of an admin's file."""

import csv
import io
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.console import Refused
from app.imports.delta_form import COLUMNS, LABELS
from app.imports.spreadsheet import rows
from app.imports.template import csv_template, write_template, xlsx_template

runner = CliRunner()
app = typer.Typer()
app.command()(write_template)


def test_both_forms_hold_every_column_of_the_source() -> None:
    assert {column.labels[0] for column in COLUMNS} == set(LABELS)
    assert next(csv.reader(io.StringIO(csv_template().decode("utf-8-sig")), delimiter=";")) == list(LABELS)
    ((number, cells),) = rows(io.BytesIO(xlsx_template()).read)
    assert (number, cells) == (1, list(LABELS))


def test_the_bytes_are_always_the_same() -> None:
    assert xlsx_template() == xlsx_template()
    assert csv_template() == csv_template()


@pytest.mark.parametrize(("arguments", "name"), [([], "annuaire-delta.csv"), (["--xlsx"], "annuaire-delta.xlsx")])
def test_the_command_writes_it(
    arguments: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    expected = xlsx_template() if arguments else csv_template()
    assert (tmp_path / name).read_bytes() == expected
    assert name in result.stdout
    assert runner.invoke(app, [*arguments, "--out", "-"]).stdout_bytes == expected


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    result = runner.invoke(app, ["--out", str(tmp_path / "none" / "x.csv")])
    assert isinstance(result.exception, Refused)
    assert "give another place with --out" in result.exception.message
