"""`annuaire import …`: national files into the directory, from the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import Refused, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.imports import guards, runs
from app.imports.pipeline import Options, import_files
from app.imports.report import readable, worst

DEFAULT_DATA_DIR = Path("var")

app = typer.Typer(no_args_is_help=True, help="National files into the directory: planned, guarded, applied wholly.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Rejects = Annotated[
    Path | None, typer.Option(help="Folder for files of rejected lines.", show_default="DATA_DIR/rejects")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]


@app.callback()
def imports() -> None:
    """National files into the directory: planned, guarded, applied wholly or not at all."""


@app.command(epilog="Example: annuaire import run PS_LibreAcces_202609230201.zip --data-dir var")
def run(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="In any order.")
    ],
    accept_guard: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"Override one guard: {', '.join(guards.NAMES)}.")
    ] = None,
    data_dir: DataDir = None,
    rejects: Rejects = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop at the plan.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before everything is published.")] = False,
    as_json: Json = False,
) -> None:
    """Recognise each file by its content, plan, check the guards, apply. Exit code: the worst of all files."""
    accepted = frozenset(accept_guard or [])
    if unknown := sorted(accepted - set(guards.NAMES)):
        raise typer.BadParameter(f"no guard {', '.join(unknown)}: there are {', '.join(guards.NAMES)}")
    options = Options(_rejects(rejects, data_dir), accepted, dry_run=dry_run, wait=not no_wait)
    reports = import_files(settings_for(data_dir), files, options)
    shown = [report.as_json() for report in reports]
    emit(shown[0] if len(shown) == 1 else shown, as_json=as_json, text="\n".join(map(readable, reports)))
    raise typer.Exit(worst(reports))


@app.command(epilog="Example: annuaire import show 20260923T031502-mssante-1f9a3c --data-dir var")
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data_dir: DataDir = None,
    rejects: Rejects = None,
    *,
    as_json: Json = False,
) -> None:
    """The record of one run, with its first rejected lines."""
    with connect(settings_for(data_dir)) as connection:
        found = runs.find(connection, run_id)
    if found is None:
        raise Refused(f"there is no run {run_id}: see annuaire import list", "import.unknown_run")
    path = _rejects(rejects, data_dir) / f"{run_id}.csv"
    emit({**found, "rejects": str(path) if path.exists() else None}, as_json=as_json)


@app.command(name="list", epilog="Example: annuaire import list --data-dir var")
def list_runs(
    data_dir: DataDir = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    *,
    as_json: Json = False,
) -> None:
    """The latest runs, newest first, refused and failed ones included."""
    with connect(settings_for(data_dir)) as connection:
        found = runs.latest(connection, limit)
    emit(found, as_json=as_json, text="\n".join(map(_line, found)) or "no import yet")


def _rejects(folder: Path | None, data_dir: Path | None) -> Path:
    return (folder or (data_dir or DEFAULT_DATA_DIR) / "rejects").absolute()


def _line(found: dict[str, Any]) -> str:
    lines = found["lines"]
    return (
        f"{found['run']:<44} {found['state']:<9} read {lines['read']:>9}  rejected {lines['rejected']:>7}  "
        f"edition {found['edition']['after'] or '-':>9}  {found['file']}"
    )
