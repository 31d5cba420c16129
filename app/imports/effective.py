"""White lists that count from an hour on: looked at now, kept in the spool, applied by the worker when the hour comes.

    import run LIST --effective AT ─► plan, shown now ─► planned ═ until AT ═► planned anew, guards, applied, published
                                          └─ a guard refuses ─► refused; import apply RUN --accept-guard … ─► planned

At its hour the list is compared again, since others may have come between, and guards judge again. What was accepted
by name stays accepted; a guard that speaks only then holds the list, and `annuaire import list` shows it refused.
"""

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from app.console import Refused
from app.imports import runs, trail
from app.imports.execute import require_accepted
from app.imports.guards import accept
from app.imports.inputs import Input, inputs_of
from app.imports.options import Options
from app.imports.pipeline import can_apply, importer
from app.imports.planning import plan_input
from app.imports.report import Report
from app.imports.sources.white_list import SOURCE
from app.imports.spool import Spool, file_name
from app.settings import Settings

Connection = psycopg.Connection[Any]
FRANCE = ZoneInfo("Europe/Paris")
NOTE = "UPDATE import_run SET effective_at = %s, spool = %s WHERE id = %s"
SCHEDULE = """
UPDATE import_run SET wish = 'apply', wish_guards = %(guards)s, wish_by = %(by)s,
  progress = jsonb_build_object('asked_at', clock_timestamp())
WHERE id = %(run)s AND wish IS NULL AND spool IS NOT NULL AND state IN ('planned', 'refused')
RETURNING effective_at
"""
CANCEL = """
UPDATE import_run SET wish = NULL, wish_guards = '{}', wish_by = NULL, spool = NULL, progress = NULL
WHERE id = %s AND wish = 'apply' AND phase IS NULL AND effective_at IS NOT NULL RETURNING id
"""
TELL = "NOTIFY annuaire_imports"


def instant(text: str) -> datetime:
    """The hour written in `text`, ISO 8601; without an offset it is the legal time of France. Raises Refused."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Refused(
            f"{text!r} is no hour: expected YYYY-MM-DDThh:mm, with an offset if it is not that of France",
            "import.effective_form",
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=FRANCE)


def plan_for(settings: Settings, path: Path, options: Options, at: datetime) -> Report:
    """Plan a white list for an hour, and have the worker apply it then, if no guard refuses it now.

    An hour that is over counts from now on. Raises Refused: the file is no white list.
    """
    each = _only_list(path)
    with importer(settings) as connection:
        report = plan_input(connection, options, each, runs.new_run(SOURCE.name))
        if report.mode == "same" or report.state == "failed":
            return report
        connection.execute(NOTE, [at, _spooled(settings, report.run, path), report.run])
        report.effective_at = at
        if can_apply(report, options):
            return schedule(connection, settings, report, options)
        return report


def schedule(connection: Connection, settings: Settings, report: Report, options: Options) -> Report:
    """Ask the worker to apply a plan at its hour. Raises Refused: a guard refuses it, or it is no plan for an hour."""
    report.guards = accept(report.guards, options.accepted, options.by, datetime.now(FRANCE).isoformat())
    require_accepted(settings, report, options)
    given = {"run": report.run, "guards": sorted(options.accepted), "by": options.by}
    with connection.transaction():
        if connection.execute(SCHEDULE, given).fetchone() is None:
            raise Refused("this run is no plan that waits for an hour, or is asked for already", "import.not_planned")
        trail.note(connection, "import.scheduled", report, options)
        connection.execute(TELL)
    report.state = "planned"
    return report


def waits(report: Report) -> bool:
    """Whether its hour is still to come."""
    return report.state in {"planned", "refused"} and bool(
        report.effective_at and report.effective_at > datetime.now(FRANCE)
    )


def cancel(connection: Connection, settings: Settings, run: str, options: Options) -> Report:
    """The worker shall not apply this plan. Raises Refused: nothing waits under this name."""
    report = runs.find(connection, run)
    with connection.transaction():
        if connection.execute(CANCEL, [run]).fetchone() is None:
            raise Refused(f"run {run} waits for no hour", "import.not_scheduled")
        trail.note(connection, "import.cancelled", report, options)
    Spool(settings.spool_dir, settings.import_upload_limit).remove(run)
    return report


def _only_list(path: Path) -> Input:
    inputs = inputs_of(path)
    if len(inputs) != 1 or (inputs[0].layout and inputs[0].layout.source is not SOURCE):
        raise Refused(
            f"{path.name}: only a white list has an hour from which it counts; registers count as they come",
            "import.effective_source",
        )
    return inputs[0]


def _spooled(settings: Settings, run: str, path: Path) -> str:
    """Keep the file until its hour, whole and synced. Returns its place below the spool's folder."""
    name = file_name(path.name)
    folder = settings.spool_dir / run
    folder.mkdir(0o700, parents=True)
    with path.open("rb") as source, (folder / name).open("xb") as kept:
        shutil.copyfileobj(source, kept)
        kept.flush()
        os.fsync(kept.fileno())
    return f"{run}/{name}"
