"""The import engine: one file after the other, each wholly or not at all.

    receive ─► recognise ─► stage ─► compare ─► guards ═ plan ═► apply ─► pending ─► publish
               (content)    └─ transaction 1: rejects and counts stay, whatever follows
                                     └─ transaction 2: what would change, written down
                                                          └─ transaction 3: exactly that, or a refusal

One session lock from the first file to the last; files are applied in the order of their sources, so that any order of
arguments gives the same directory. A file is read while the one before is planned and applied (`read_ahead`).
Publishing comes once, after the last file.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import structlog

from app import tracing
from app.console import Refused, one_line, say
from app.imports import kept, runs
from app.imports.execute import applied, apply_plan, prune
from app.imports.inputs import inputs_of
from app.imports.options import Options
from app.imports.planning import plan_draft
from app.imports.read_ahead import drafts
from app.imports.report import Report
from app.imports.session import session
from app.imports.sources.catalogue import source_named
from app.imports.workspace import Workspace
from app.publication.drain import backlog, drain_all
from app.schema.standing import require_served
from app.settings import Settings

logger = structlog.get_logger(__name__)

IMPORT_LOCK = 8
HASHERS = 2
PATIENCE = "600s"
Connection = psycopg.Connection[Any]


def import_files(settings: Settings, paths: Sequence[Path], options: Options) -> list[Report]:
    """Import these files, in the order of their sources, and publish what they changed. One report for each text.

    A refused file leaves the directory as it is and does not stop the others. Raises Refused: another import runs.
    """
    # Hashing a file leaves Python's turn to others: two cores hash two files.
    with ThreadPoolExecutor(HASHERS) as hashers:
        inputs = [received for found in hashers.map(inputs_of, paths) for received in found]
    with (
        tracing.in_force(settings, "annuaire-import"),
        importer(settings) as connection,
        tracing.span("import"),
    ):
        reports = []
        ordered = sorted(inputs, key=lambda each: each.order)
        for draft in drafts(connection, settings, options, ordered):
            report = plan_draft(connection, draft)
            if not options.dry_run and can_apply(report, options):
                report = _applied(connection, settings, report, options)
            reports.append(report)
        publish_runs(connection, settings, applied(reports), options)
    return reports


def can_apply(report: Report, options: Options) -> bool:
    """Whether this plan may be applied: no guard refuses it, but those that are accepted."""
    return report.state == "planned" or (
        report.state == "refused"
        and all(not guard.refuses or guard.name in options.accepted for guard in report.guards)
    )


def _applied(connection: Connection, settings: Settings, report: Report, options: Options) -> Report:
    """The applied run, or the report with the reason why it was not: other files of the command go on."""
    try:
        done = apply_plan(connection, settings, report.run, options)
    except Refused as refused:
        report.state = "refused"
        report.guards.append(runs.refusal(refused.code, refused.message))
    except psycopg.Error as error:
        logger.exception("import failed", run=report.run, source=report.source)
        report.state = "failed"
        report.guards.append(runs.refusal("database.error", f"nothing of the file was applied: {one_line(error)}"))
    else:
        done.rejects, done.left_out = report.rejects, report.left_out
        return done
    report.edition_after = report.edition_before
    runs.finish(connection, report)
    return report


@contextmanager
def importer(settings: Settings) -> Iterator[Connection]:
    """The connection of the one importer.

    Raises Refused: another one ran for too long (import.busy), or the schema does not serve this code (schema.…).
    """
    with session(settings) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [IMPORT_LOCK]).fetchone()
        if not (row and row[0]):
            say("annuaire: another import is running; waiting for it to end")
            connection.execute(f"SET lock_timeout = '{PATIENCE}'".encode())
            try:
                connection.execute("SELECT pg_advisory_lock(%s)", [IMPORT_LOCK])
            except psycopg.errors.LockNotAvailable as error:
                raise Refused(
                    f"another import has been running for over {PATIENCE}: see annuaire import list", "import.busy"
                ) from error
            connection.execute("RESET lock_timeout")
        require_served(connection)
        prune(connection, settings)
        yield connection
        # Closing the connection gives the lock back; so does its loss.


def publish_runs(connection: Connection, settings: Settings, reports: Sequence[Report], options: Options) -> None:
    """Publish what these runs changed, or say how much waits; then make ready for the next files.

    What a killed command left is published too: the same file again changes nothing, but ends its work.
    """
    waiting, _ = backlog(connection)
    if options.dry_run or not (reports or waiting):
        return
    if options.wait:
        _publish(connection, settings, reports, options, waiting)
    else:
        for report in reports:
            report.pending = waiting
    _tidy(connection, reports, options)


def _publish(
    connection: Connection, settings: Settings, reports: Sequence[Report], options: Options, waiting: int
) -> None:
    started = time.monotonic()
    with options.progress("publishing", waiting) as advance:

        def left(now: int) -> None:
            nonlocal waiting
            # One mark may stand for the whole registry, whose documents are counted when they are made.
            advance(max(0, waiting - now))
            waiting = now

        with tracing.span("import publish", {"annuaire.stage": "publish"}):
            edition = drain_all(settings, progress=left)
    for report in reports:
        report.stages["publish"] = round(time.monotonic() - started, 3)
    for report in reports:
        logger.info("import published", run=report.run, source=report.source, edition=edition, stages=report.stages)
    runs.published(connection, reports, edition)


def _tidy(connection: Connection, reports: Sequence[Report], options: Options) -> None:
    """Make ready for the next files: seconds of work for which nobody waited before all was published."""
    started = time.monotonic()
    with tracing.span("import tidy", {"annuaire.stage": "tidy"}), connection.cursor() as cursor:
        for report in reports:
            Workspace(report.number).drop(cursor)
            if options.wait:
                kept.index(cursor, source_named(report.source))
    for report in reports:
        report.stages["tidy"] = round(time.monotonic() - started, 3)
    runs.tidied(connection, reports)
