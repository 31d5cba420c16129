"""`annuaire snapshot import`: the second way back."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import DIFFERENCES, DONE, emit
from app.embedded.attach import settings_for
from app.imports.from_snapshot import NOT_HELD, Restored, import_snapshot
from app.imports.snapshot_file import keys, opened


def import_folder(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Where its files were downloaded.")
    ],
    keys_file: Annotated[
        Path | None,
        typer.Option("--keys", help="A kept answer of /.well-known/annuaire-keys.json; else our own signing keys."),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Mailboxes of a snapshot into a directory that has none; exit 1 when it is not that edition again afterwards."""
    settings = settings_for(data_dir)
    restored = import_snapshot(settings, opened(folder, keys(settings, keys_file)))
    said = {**restored._asdict(), "is_equal": restored.is_equal, "not_held": list(NOT_HELD)}
    said["differences"] = [each._asdict() for each in restored.differences]
    emit(said, as_json=as_json, text="\n".join(_lines(restored)))
    raise typer.Exit(DONE if restored.is_equal else DIFFERENCES)


def _lines(restored: Restored) -> list[str]:
    made = f"{restored.made_at:%Y-%m-%d %H:%M} UTC"
    lines = [f"{restored.mailboxes} mailboxes of edition {restored.edition}, made {made}"]
    if restored.is_equal:
        lines.append(f"the directory is that edition again: root {restored.root}")
    else:
        lines.append(f"the directory is not that edition (root {restored.root_here}, not {restored.root}):")
        lines += [
            f"  {each.kind:<13} {each.shown} shown there, here {each.missing} are missing, {each.different} differ, "
            f"{each.extra} more"
            for each in restored.differences
        ]
    lines.append(
        f"Who was hidden after {made} is shown again: ask operators before anybody reads, and before a file of"
    )
    lines.append("mailboxes is imported, which brings back whom they had hidden before. Not in a snapshot:")
    return [*lines, *(f"  {each}" for each in NOT_HELD)]
