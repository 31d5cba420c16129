"""The import engine: one file after the other, each wholly or not at all.

    receive ─► recognise ─► stage ─► compare ─► guards ═ plan ═► apply ─► pending ─► publish
               (content)    └─ transaction 1: rejects and counts stay, whatever follows
                                     └─ transaction 2: what would change, written down
                                                          └─ transaction 3: exactly that, or a refusal

One connection and one session lock from the first file to the last; files are applied in the order of their sources, so
that any order of arguments gives the same directory. Publishing comes once, after the last file.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import structlog

from app.console import Advance, Refused, one_line, progress, say
from app.db import connect
from app.imports import kept, runs
from app.imports.basis import Basis, basis_of, layout_key
from app.imports.compare import FOR_MANY_ROWS, compare, summary
from app.imports.execute import applied, apply_plan, prune
from app.imports.guards import Figures, judge, judge_codes, judge_losses, limits, spoke
from app.imports.inputs import Input, inputs_of, source_of
from app.imports.known import KnownLines, known_lines
from app.imports.reading import LinesDiffer, Reading, missing_fields
from app.imports.receive import Inflated
from app.imports.refusal import FileRefused
from app.imports.rejects import write_rejects
from app.imports.report import Report
from app.imports.sources.catalogue import source_named
from app.imports.stage import ahead, settle_rejects, stage, stage_gone
from app.imports.workspace import Workspace, count
from app.imports.workspace import kept as kept_table
from app.publication.drain import backlog, drain_all
from app.settings import Settings

logger = structlog.get_logger(__name__)

IMPORT_LOCK = 8
PATIENCE = "600s"
# An importer that was killed must not go on in the server, holding the lock.
LIVENESS = "5s"
Connection = psycopg.Connection[Any]
Progress = Callable[[str, int | None], AbstractContextManager[Advance]]


@dataclass(frozen=True)
class Options:
    """How to import. `rejects`: the folder for files of rejected lines; `accepted`: names of guards not to heed.

    `by`: who asks, the id of a key or the account of a command. `is_known_key`: whether it is an admin's key.
    """

    rejects: Path
    accepted: frozenset[str] = frozenset()
    by: str = "command line"
    is_known_key: bool = False
    dry_run: bool = False
    wait: bool = True
    progress: Progress = progress


@dataclass
class Job:
    """One file on its way: what it is, its report, and what its plan rests on."""

    input: Input
    report: Report
    options: Options
    basis: Basis = field(default_factory=Basis)


def import_files(settings: Settings, paths: Sequence[Path], options: Options) -> list[Report]:
    """Import these files, in the order of their sources, and publish what they changed. One report for each text.

    A refused file leaves the directory as it is and does not stop the others. Raises Refused: another import runs.
    """
    inputs = [received for path in paths for received in inputs_of(path)]
    with importer(settings) as connection:
        reports = []
        for each in sorted(inputs, key=lambda each: each.order):
            report = plan_input(connection, options, each, runs.new_run(source_of(each)))
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
        logger.exception("import failed", run=report.run)
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
    """The connection of the one importer. Raises Refused (import.busy): another one ran for too long."""
    with connect(settings, autocommit=True) as connection:
        connection.execute(f"SET client_connection_check_interval = '{LIVENESS}'".encode())
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
        prune(connection, settings)
        yield connection
        # Closing the connection gives the lock back; so does its loss.


def plan_input(connection: Connection, options: Options, each: Input, run: str) -> Report:
    """Read one text and write down what it would change. The report is `planned`, `refused` or `failed`.

    A plan that a guard refuses, which nobody accepted, is `refused`, but stays and can be applied by accepting it.
    """
    stamp = each.layout.stamp if each.layout else None
    report = Report(run, each.name, source_of(each), each.sha256, stamp=stamp, left_out=each.left_out)
    report.planned_by = options.by
    runs.begin(connection, report)
    job = Job(each, report, options)
    space = Workspace(report.number)
    try:
        if each.refused:
            raise each.refused
        if each.text and each.layout:
            _plan(connection, job, space)
            report.state = "refused" if report.is_refused else "planned"
    except FileRefused as refused:
        report.state = "refused"
        report.guards.append(runs.refusal(refused.code, refused.detail))
    except psycopg.Error as error:
        logger.exception("import failed", run=report.run)
        report.state = "failed"
        report.guards.append(runs.refusal("database.error", f"nothing of the file was applied: {one_line(error)}"))
    except (OSError, Refused) as error:
        # A folder for rejects that cannot be written, a file that goes away: the other files and their reports go on.
        report.state = "failed"
        code = error.code if isinstance(error, Refused) else "system.failed"
        report.guards.append(runs.refusal(code, f"nothing of the file was applied: {one_line(error)}"))
    # A lost connection raises here, and the record keeps saying `failed`.
    report.edition_after = report.edition_before if report.state != "planned" else None
    runs.finish(connection, report)
    if report.state == "failed" or job.basis.is_empty:
        space.drop(connection.cursor())
    return report


@contextmanager
def timed(report: Report, stage_name: str) -> Iterator[None]:
    """Add the seconds of this body to a stage of the report."""
    started = time.monotonic()
    yield
    report.stages[stage_name] = round(report.stages.get(stage_name, 0.0) + time.monotonic() - started, 3)


def _plan(connection: Connection, job: Job, space: Workspace) -> None:
    layout, report, options = job.input.layout, job.report, job.options
    if layout is None:
        return
    report.stages["receive"] = round(job.input.seconds, 3)
    with connection.transaction(), connection.cursor() as cursor:
        basis = basis_of(cursor, layout.source)
        in_force = limits(cursor, layout.source)
        guard = spoke(in_force, "same_file", "this very file is the last one applied: nothing to do")
        # The texts of one archive have its hash, so their names tell them apart.
        is_same = (basis.sha256, basis.name) == (report.sha256, report.file)
        if is_same and guard and "same_file" not in options.accepted:
            _same(cursor, job, basis)
            report.guards.append(guard)
            return
        can_delta = layout.keeps_lines and basis.kept_run == basis.number and basis.layout == layout_key(layout)
    with timed(report, "read"):
        report.mode = "delta" if can_delta and basis.number is not None else "full"
        try:
            _stage(connection, job, space, basis)
        except LinesDiffer:
            report.mode = "full"
            _stage(connection, job, space, basis)
    with timed(report, "compare"), connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        space.enter(cursor)
        with options.progress(f"comparing {layout.source.name}", None):
            is_delta = report.mode == "delta"
            compared = compare(cursor, layout.source, report.number, is_delta=is_delta)
        report.diff = summary(cursor, layout.source, report.number, compared)
        warnings = cursor.execute("SELECT code, entities FROM plan_warning ORDER BY code").fetchall()
        report.warnings |= dict(warnings)
        if not compared.stated and report.mode == "full":
            report.mode = "first"
        _judge(cursor, job, basis, compared.stated)
        runs.planned(
            connection,
            report.run,
            base=basis.as_json(),
            layout=layout_key(layout),
            encoding=job.basis.encoding,
            staged=count(cursor, "SELECT count(*) FROM stage"),
            bulk=sorted(compared.bulk),
        )


def _same(cursor: psycopg.Cursor[Any], job: Job, basis: Basis) -> None:
    """The report of the last run, but that nothing changes."""
    before = runs.find(cursor.connection, basis.run or "")
    report = job.report
    report.read, report.rejected, report.blank = before.read, before.rejected, before.blank
    report.warnings, report.mode = before.warnings, "same"
    kept_same = before.diff
    report.diff["same"] = kept_same["create"] + kept_same["update"] + kept_same["same"]
    job.basis = Basis(is_empty=True)
    runs.planned(
        cursor.connection, report.run, base=basis.as_json(), layout=basis.layout, encoding=None, staged=None, bulk=[]
    )


def _judge(cursor: psycopg.Cursor[Any], job: Job, basis: Basis, stated: int) -> None:
    report, layout = job.report, job.input.layout
    if layout is None:
        return
    in_force = limits(cursor, layout.source)
    before = set(json.loads(basis.layout)["fields"]) if basis.layout else set()
    ours = {column.field for column in layout.source.columns}
    figures = Figures(
        read=report.read,
        accepted=report.accepted,
        rejected=report.rejected,
        stated=stated,
        closed=report.diff["close"],
        changed=report.diff["create"] + report.diff["update"],
        counted=layout.source.counted,
        check_digits=sum(entities for code, entities in report.warnings.items() if code.endswith(".check_digit")),
        lines_before=None if layout.source.is_partial else basis.lines,
        stamp=report.stamp,
        stamp_before=basis.stamp,
        missing=tuple(sorted(before & ours & missing_fields(layout))),
    )
    guards = judge(figures, in_force) + judge_codes(cursor, layout.source, in_force)
    if any(target.table == "mailbox" for target in layout.source.targets):
        guards += judge_losses(cursor, report.number, in_force)
    report.guards += guards


def _stage(connection: Connection, job: Job, space: Workspace, basis: Basis) -> None:
    layout, text, report = job.input.layout, job.input.text, job.report
    if layout is None or text is None:
        return
    with connection.transaction(), connection.cursor() as cursor:
        known = known_lines(cursor, kept_table(layout.source)) if report.mode == "delta" else KnownLines()
        encoding = basis.encoding if report.mode == "delta" else None
        space.create(cursor, layout)
        with closing(Reading(known, encoding)) as reading:
            with text.open() as opened, job.options.progress(f"reading {text.name}", text.size) as advance:
                stage(cursor, layout, ahead(layout.copy_text(_counting(opened, advance), reading)))
            for setting in FOR_MANY_ROWS:
                cursor.execute(f"SET LOCAL {setting}".encode())
            stage_gone(cursor, reading)
            report.rejected = settle_rejects(cursor, layout, reading)
            report.read, report.blank = reading.read, reading.blank
            report.warnings = dict(reading.warnings)
            job.basis = Basis(encoding=reading.encoding or encoding)
            if report.rejected:
                runs.keep_rejects(connection, report.run)
                found = write_rejects(connection, report.run, job.options.rejects, text, layout, job.basis.encoding)
                report.rejects = str(found)
        cursor.execute("ANALYZE stage")


def _counting(opened: Inflated, advance: Advance) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = opened.read(size)
        advance(len(data), data.count(b"\n"))
        return data

    return read


def publish_runs(connection: Connection, settings: Settings, reports: Sequence[Report], options: Options) -> None:
    """Publish what these runs changed, or say how much waits; then make ready for the next files.

    What a killed command left is published too: the same file again changes nothing, but ends its work.
    """
    waiting, _ = backlog(connection)
    if options.dry_run or not (reports or waiting):
        return
    if not options.wait:
        for report in reports:
            report.pending = waiting
        return
    started = time.monotonic()
    with options.progress("publishing", waiting) as advance:

        def left(now: int) -> None:
            nonlocal waiting
            # One mark may stand for the whole registry, whose documents are counted when they are made.
            advance(max(0, waiting - now))
            waiting = now

        edition = drain_all(settings, progress=left)
    for report in reports:
        report.stages["publish"] = round(time.monotonic() - started, 3)
    runs.published(connection, reports, edition)
    with connection.cursor() as cursor:
        for report in reports:
            kept.index(cursor, source_named(report.source))
