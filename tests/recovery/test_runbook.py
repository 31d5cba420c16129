"""The commands of docs/recovery.md are there: whoever needs them has no time to look for others."""

import re

import pytest
import typer

from app.cli import app
from tests.docs.markdown import ROOT

TEXT = (ROOT / "docs" / "recovery.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"^\$ annuaire (.+)$", TEXT, re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_runbook_is_there_with_its_options(line: str) -> None:
    command = typer.main.get_command(app)
    words = line.split()
    while hasattr(command, "commands"):
        found = command.commands.get(words.pop(0))
        assert found is not None, line
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_runbook_names_files_that_are_there() -> None:
    installed = re.findall(r"/opt/annuaire/share/(backup/\S+)", TEXT)
    sources = re.findall(r"\bdeploy/\S+?(?=[\s)\],])", TEXT)
    assert installed
    assert sources
    assert [path for path in [f"deploy/{path}" for path in installed] + sources if not (ROOT / path).exists()] == []


def test_the_units_and_the_server_run_what_the_runbook_installs() -> None:
    folder = ROOT / "deploy" / "backup"
    named = {
        path
        for name in ("archive.conf", "annuaire-backup.service")
        for path in re.findall(r"/opt/annuaire/share/(\S+)", (folder / name).read_text("utf-8"))
    }
    assert {"backup/archive-log", "backup/base-backup"} == named
    assert all((ROOT / "deploy" / path).stat().st_mode & 0o111 for path in named)
