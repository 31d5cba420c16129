"""`annuaire person …`: what one person may ask of the directory about herself."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.console import emit
from app.db import connect
from app.embedded.attach import settings_for
from app.subjects.export import export

app = typer.Typer(no_args_is_help=True, help="What is kept about one person.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, logs on stderr.")]


@app.callback()
def person() -> None:
    """What is kept about one person."""


@app.command(name="export", epilog="Example: annuaire person export 99900000060 --out subject.json --data-dir var")
def export_person(
    identifier: Annotated[str, typer.Argument(help="RPPS, ADELI or national identification.")],
    out: Annotated[Path | None, typer.Option(help="Write it into this new file, for its owner's eyes alone.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: Json = False,
) -> None:
    """Everything that is kept about a person, hidden and past included, for the answer to that person. Audited."""
    with connect(settings_for(data_dir)) as connection:
        key, kept = export(connection, identifier)
    document = {"person": key, "at": datetime.now(UTC), "kept": kept}
    if out is None:
        emit(document, as_json=as_json)
        return
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=1, default=str)
    counts = {table: len(rows) for table, rows in kept.items()}
    lines = [f"{count:>8}  {table}" for table, count in counts.items()]
    emit({"person": key, "file": str(out), "rows": counts}, as_json=as_json, text="\n".join([str(out), *lines]))
