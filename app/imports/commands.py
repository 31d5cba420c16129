"""`annuaire import …`: national files into the directory, from the command line."""

import getpass
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import bars, emit
from app.db import connect
from app.embedded.attach import settings_for
from app.imports import changes, guards, runs, trail
from app.imports.asking import admin_of
from app.imports.effective import cancel as call_off
from app.imports.effective import instant, plan_for, schedule, waits
from app.imports.execute import apply_plan, undo_run
from app.imports.options import Options
from app.imports.pipeline import import_files, importer, publish_runs
from app.imports.rejects import file_of
from app.imports.report import Report, readable, worst
from app.imports.spool import REJECTS
from app.imports.template import write_template
from app.settings import Settings

DEFAULT_DATA_DIR = Path("var")

app = typer.Typer(no_args_is_help=True, help="National files into the directory: planned, guarded, applied wholly.")

DataDir = Annotated[Path | None, typer.Option(help="Use the running annuaire up of this directory.")]
Rejects = Annotated[
    Path | None, typer.Option(help="Folder for files of rejected lines.", show_default="DATA_DIR/rejects")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="In any order.")
]
Run = Annotated[str, typer.Argument(metavar="RUN")]
AcceptGuard = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help=f"Override one guard: {', '.join(guards.NAMES)}.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, allow_dash=True, help="File with the key of the admin who asks; - is stdin."
    ),
]
Effective = Annotated[
    str | None,
    typer.Option(
        metavar="AT", help="Hour from which a white list counts (ISO 8601, legal time of France): until then it waits."
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return before everything is published.")]


@app.callback()
def imports() -> None:
    """National files into the directory: planned, guarded, applied wholly or not at all."""


@app.command(epilog="Example: annuaire import run PS_LibreAcces_202609230201.zip --data-dir var")
def run(
    files: Files,
    accept_guard: AcceptGuard = None,
    data_dir: DataDir = None,
    rejects: Rejects = None,
    key_file: KeyFile = None,
    effective: Effective = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop at the plan.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Recognise each file by its content, plan, check the guards, apply. Exit code: the worst of all files."""
    settings = settings_for(data_dir)
    options = _options(settings, rejects, data_dir, accept_guard, key_file, dry_run=dry_run, wait=not no_wait)
    at = _hour(effective, dry_run=dry_run)
    reports = _for_hour(settings, files, options, at) if at else _imported(settings, files, options)
    _show(reports, as_json=as_json)


app.command(name="template", epilog="Example: annuaire import template --xlsx --out changes.xlsx")(write_template)


@app.command(epilog="Example: annuaire import plan PS_LibreAcces_202609230201.zip --data-dir var")
def plan(
    files: Files,
    data_dir: DataDir = None,
    rejects: Rejects = None,
    key_file: KeyFile = None,
    effective: Effective = None,
    *,
    as_json: Json = False,
) -> None:
    """Read the files and write down what they would change, without changing it: see import show and import apply."""
    settings = settings_for(data_dir)
    options = _options(settings, rejects, data_dir, None, key_file, dry_run=True)
    at = instant(effective) if effective else None
    reports = _for_hour(settings, files, options, at) if at else _imported(settings, files, options)
    _show(reports, as_json=as_json)


@app.command(epilog="Example: annuaire import apply 20260923T031502-mssante-1f9a3c --data-dir var")
def apply(
    run_id: Run,
    accept_guard: AcceptGuard = None,
    data_dir: DataDir = None,
    key_file: KeyFile = None,
    *,
    now: Annotated[bool, typer.Option("--now", help="Not at the hour for which it was planned.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Apply a plan exactly as it was made; refused when the directory has moved on under it."""
    settings = settings_for(data_dir)
    options = _options(settings, None, data_dir, accept_guard, key_file, wait=not no_wait)
    with importer(settings) as connection:
        report = runs.find(connection, run_id)
        if waits(report) and not now:
            report = schedule(connection, settings, report, options)
        else:
            report = apply_plan(connection, settings, run_id, options)
            publish_runs(connection, settings, [report] if report.mode != "same" else [], options)
    _show([report], as_json=as_json)


@app.command(epilog="Example: annuaire import cancel 20260923T031502-liste_blanche-1f9a3c --data-dir var")
def cancel(run_id: Run, data_dir: DataDir = None, key_file: KeyFile = None, *, as_json: Json = False) -> None:
    """Call off a white list that waits for its hour; the plan stays, and can be applied."""
    settings = settings_for(data_dir)
    options = _options(settings, None, data_dir, None, key_file)
    with connect(settings) as connection:
        report = call_off(connection, settings, run_id, options)
    emit(report.as_json(), as_json=as_json, text=f"{run_id} waits for no hour any more")


@app.command(epilog="Example: annuaire import undo 20260923T031502-mssante-1f9a3c --data-dir var")
def undo(
    run_id: Run,
    data_dir: DataDir = None,
    key_file: KeyFile = None,
    *,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Take back the latest applied run of its source: every row as it was before."""
    settings = settings_for(data_dir)
    options = _options(settings, None, data_dir, None, key_file, wait=not no_wait)
    with importer(settings) as connection:
        report = undo_run(connection, settings, run_id, options)
        publish_runs(connection, settings, [report], options)
    _show([report], as_json=as_json)


@app.command(epilog="Example: annuaire import show 20260923T031502-mssante-1f9a3c --changes --data-dir var")
def show(
    run_id: Run,
    data_dir: DataDir = None,
    rejects: Rejects = None,
    *,
    with_changes: Annotated[bool, typer.Option("--changes", help="List what it changes, field by field.")] = False,
    after: Annotated[str | None, typer.Option(help="Go on after this change: `next` of the answer before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many changes.")] = 100,
    export: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all changes to this file, as CSV.")] = None,
    as_json: Json = False,
) -> None:
    """The record of one run, with its first rejected lines; and what it would change or changed."""
    settings = settings_for(data_dir)
    with connect(settings) as connection:
        report = runs.find(connection, run_id)
        # Rejects of what came over REST lie in the spool.
        path = file_of(run_id, _rejects(rejects, data_dir), settings.spool_dir.absolute() / REJECTS)
        report.rejects = str(path) if path else None
        found: dict[str, Any] = report.as_json() | {"rejected_lines": runs.first_rejects(connection, run_id)}
        page = changes.page(connection, report, after, limit) if with_changes else None
        if page:
            found["changes"] = page
        if export:
            changes.export(connection, report, export)
    text = readable(report) + ("\n" + changes.readable(page) if page else "")
    emit(found, as_json=as_json, text=text)


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
    emit([each.as_json() for each in found], as_json=as_json, text="\n".join(map(_line, found)) or "no import yet")


@app.command(name="guards", epilog="Example: annuaire import guards --source mssante --set shrink=0.02 --data-dir var")
def list_guards(
    data_dir: DataDir = None,
    source: Annotated[str, typer.Option(help="Whose limits to set; * stands for every source.")] = "*",
    set_limit: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=LIMIT", help="A new limit.")] = None,
    level: Annotated[list[str] | None, typer.Option(metavar="NAME=refuse|warn|off", help="A new level.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """The guards and their limits, for each source; and how to change them."""
    with connect(settings_for(data_dir)) as connection:
        for wish in set_limit or []:
            guards.set_limit(connection, source, *_pair(wish))
        for wish in level or []:
            guards.set_level(connection, source, *_pair(wish))
        found = guards.listed(connection)
        trail.note_guard(connection, source, [*(set_limit or []), *(level or [])])
    text = "\n".join(
        f"{each['source']:<18} {each['name']:<16} {each['level']:<7} {each['threshold']:<8g} {each['meaning']}"
        for each in found
    )
    emit(found, as_json=as_json, text=text)


def _for_hour(settings: Settings, files: list[Path], options: Options, at: datetime) -> list[Report]:
    return [plan_for(settings, path, options, at) for path in files]


def _hour(effective: str | None, *, dry_run: bool) -> datetime | None:
    """The hour for which a list is planned; None when it is applied now, since none is given or it is over."""
    if effective and dry_run:
        raise typer.BadParameter("--dry-run plans for no hour: see annuaire import plan --effective")
    at = instant(effective) if effective else None
    return at if at and at > datetime.now(UTC) else None


def _pair(wish: str) -> tuple[str, str]:
    name, _, value = wish.partition("=")
    if name not in guards.NAMES or not value:
        raise typer.BadParameter(f"{wish!r}: expected NAME=VALUE, NAME being one of {', '.join(guards.NAMES)}")
    return name, value


def _options(
    settings: Settings,
    rejects: Path | None,
    data_dir: Path | None,
    accept_guard: list[str] | None,
    key_file: Path | None,
    *,
    dry_run: bool = False,
    wait: bool = True,
) -> Options:
    accepted = frozenset(accept_guard or [])
    if unknown := sorted(accepted - set(guards.NAMES)):
        raise typer.BadParameter(f"no guard {', '.join(unknown)}: there are {', '.join(guards.NAMES)}")
    key = admin_of(settings, key_file) if key_file else None
    return Options(
        _rejects(rejects, data_dir),
        accepted,
        by=key or f"account {getpass.getuser()}",
        is_known_key=key is not None,
        dry_run=dry_run,
        wait=wait,
    )


def _imported(settings: Settings, files: list[Path], options: Options) -> list[Report]:
    with bars() as bar:
        return import_files(settings, files, replace(options, progress=bar))


def _show(reports: list[Report], *, as_json: bool) -> None:
    shown = [report.as_json() for report in reports]
    emit(shown[0] if len(shown) == 1 else shown, as_json=as_json, text="\n".join(map(readable, reports)))
    raise typer.Exit(worst(reports))


def _rejects(folder: Path | None, data_dir: Path | None) -> Path:
    return (folder or (data_dir or DEFAULT_DATA_DIR) / "rejects").absolute()


def _line(found: Report) -> str:
    return (
        f"{found.run:<44} {found.state:<9} read {found.read:>9}  rejected {found.rejected:>7}  "
        f"edition {found.edition_after or '-':>9}  {found.file}"
    )
