"""The page of the commands, as `annuaire … --help` says it."""

from collections.abc import Iterator
from typing import Any

from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from app.cli import app


def page() -> str:
    """A heading for each command, its text, its arguments and options."""
    root = get_command(app)
    head = "# Commands\n\nEvery command takes `--json` where it prints something, and `--help`. Exit codes: "
    return head + "\n\n".join(["[operations](/operations.md#exit-codes).", *_sections("annuaire", root)]) + "\n"


def _sections(name: str, command: Any) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for each, below in command.commands.items():
            yield from _sections(f"{name} {each}", below)
        return
    context = Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    rows = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    table = [f"| `{given}` | {_text(about)} |" for given, about in rows]
    yield "\n\n".join(
        [
            f"## {name}",
            f"```text\n{usage}\n```",
            _text(command.help or ""),
            "\n".join(["| Given | |", "|---|---|", *table]),
        ]
    )


def _text(said: str) -> str:
    """Help as Markdown: brackets and stars of examples are neither links nor stress."""
    plain = " ".join(said.replace("\b", "").split())
    return plain.replace("|", r"\|").replace("[", r"\[").replace("*", r"\*")
