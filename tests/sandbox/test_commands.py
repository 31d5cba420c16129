"""`annuaire sandbox generate` as a user meets it."""

import json
from pathlib import Path

from typer.testing import CliRunner

from app.sandbox.commands import app

runner = CliRunner()


def test_json_names_every_file_and_its_rows(tmp_path: Path) -> None:
    result = runner.invoke(app, ["generate", "--professionals", "60", "--out", str(tmp_path / "new"), "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["seed"], answer["professionals"], answer["stamp"]) == (1, 60, "202609230200")
    for file in answer["files"]:
        assert Path(file["path"]).is_file()
        assert file["rows"] > 0
    assert len(answer["files"]) == 5


def test_without_json_one_line_tells_each_file(tmp_path: Path) -> None:
    arguments = ["generate", "--professionals", "60", "--seed", "4", "--out", str(tmp_path), "--next-day"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 5
    assert "202609240200" in result.stdout


def test_help_shows_an_example() -> None:
    result = runner.invoke(app, ["generate", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code == 0
    assert "annuaire sandbox generate --professionals 20000" in result.stdout


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = runner.invoke(app, ["generate", "--professionals", "60", "--out", str(tmp_path / "file" / "below")])
    assert result.exit_code == 2
    assert "give another folder with --out." in result.stderr


def test_too_few_professionals_is_a_usage_error(tmp_path: Path) -> None:
    result = runner.invoke(app, ["generate", "--professionals", "3", "--out", str(tmp_path)])
    assert result.exit_code != 0
    assert "50" in result.stderr
