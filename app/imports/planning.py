"""One text of a file to a plan: read, compared, judged, and written down. The directory stays as it is.

transaction 1   stage: rejects and counts stay, whatever follows
transaction 2   compare: what would change, and the guards that speak
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
import structlog

from app import tracing
from app.console import Advance, Refused, one_line
from app.imports import runs, trail
from app.imports.basis import Basis, basis_of, layout_key
from app.imports.compare import FOR_MANY_ROWS, compare
from app.imports.guards import Figures, judge, judge_codes, judge_losses, judge_unlisted, limits, spoke
from app.imports.inputs import Input, source_of
from app.imports.kept import kept_order
from app.imports.known import KnownLines
from app.imports.options import Options
from app.imports.reading import Layout, LinesDiffer, Reading, missing_fields
from app.imports.receive import Inflated, Text
from app.imports.refusal import FileRefused
from app.imports.rejects import write_rejects
from app.imports.report import Report
from app.imports.sources import white_list
from app.imports.stage import ahead, keep_order, settle_rejects, stage, stage_gone
from app.imports.totals import stated_now, summary
from app.imports.workspace import Workspace, count

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]
# Several parts of a source's SQL may warn of the same.
WARNINGS = "SELECT code, sum(entities)::integer FROM plan_warning GROUP BY code ORDER BY code"


@dataclass
class Job:
    """One text on its way: what it is, its report, what it is compared with, and the encoding in which it was read."""

    text: Text
    layout: Layout
    report: Report
    options: Options
    basis: Basis
    encoding: str | None = None


class Draft(NamedTuple):
    """A text that was read. `job`: what there is to plan; None where the report has said all there is to say."""

    report: Report
    job: Job | None


def plan_input(connection: Connection, options: Options, each: Input, run: str) -> Report:
    """Read one text and write down what it would change. The report is `planned`, `refused` or `failed`.

    A plan that a guard refuses, which nobody accepted, is `refused`, but stays and can be applied by accepting it.
    """
    return plan_draft(connection, read_input(connection, options, each, run))


def read_input(connection: Connection, options: Options, each: Input, run: str) -> Draft:
    """Read one text into the tables of its run. Only the state of its own source matters."""
    stamp = each.layout.stamp if each.layout else None
    report = Report(run, each.name, source_of(each), each.sha256, stamp=stamp, left_out=each.left_out)
    report.planned_by = options.by
    runs.begin(connection, report)
    report.stages["receive"] = round(each.seconds, 3)
    job = None
    with _recorded(report):
        if each.refused:
            raise each.refused
        if each.text and each.layout:
            job = _read(connection, each.text, each.layout, report, options)
            report.state = "planned"
    if job is None or report.state != "planned":
        _finish(connection, report, options, is_plan=report.state == "planned")
        return Draft(report, None)
    return Draft(report, job)


def plan_draft(connection: Connection, draft: Draft) -> Report:
    """Compare what was read with the registry, and write down the plan."""
    report, job = draft
    if job is None:
        return report
    is_plan = False
    with _recorded(report):
        _compare(connection, job)
        report.state, is_plan = "refused" if report.is_refused else "planned", True
    _finish(connection, report, job.options, is_plan=is_plan)
    return report


@contextmanager
def _recorded(report: Report) -> Iterator[None]:
    """What stands in the way of this text goes into its report: the other files and their reports go on.

    A lost connection raises once more when the report is written, and the record keeps saying `failed`.
    """
    report.state = "failed"
    try:
        yield
    except FileRefused as refused:
        report.state = "refused"
        report.guards.append(runs.refusal(refused.code, refused.detail))
    except psycopg.Error as error:
        logger.exception("import failed", run=report.run, source=report.source)
        report.guards.append(runs.refusal("database.error", f"nothing of the file was applied: {one_line(error)}"))
    except (OSError, Refused) as error:
        # A folder for rejects that cannot be written, a file that goes away.
        code = error.code if isinstance(error, Refused) else "system.failed"
        report.guards.append(runs.refusal(code, f"nothing of the file was applied: {one_line(error)}"))


def _finish(connection: Connection, report: Report, options: Options, *, is_plan: bool) -> None:
    report.edition_after = report.edition_before if report.state != "planned" else None
    logger.info(
        "import read",
        run=report.run,
        source=report.source,
        state=report.state,
        read=report.read,
        rejected=report.rejected,
        stages=report.stages,
    )
    with connection.transaction():
        runs.finish(connection, report)
        if is_plan:
            trail.note(connection, "import.planned", report, options)
    if report.state == "failed" or report.mode == "same":
        Workspace(report.number).drop(connection.cursor())


@contextmanager
def timed(report: Report, stage_name: str) -> Iterator[None]:
    """Add the seconds of this body to a stage of the report."""
    started = time.monotonic()
    with tracing.span(f"import {stage_name}", {"annuaire.source": report.source, "annuaire.stage": stage_name}) as note:
        yield
        note("annuaire.lines", report.read)
    report.stages[stage_name] = round(report.stages.get(stage_name, 0.0) + time.monotonic() - started, 3)


def _read(connection: Connection, text: Text, layout: Layout, report: Report, options: Options) -> Job | None:
    """The text in the tables of its run, or None when it is the last one that was applied."""
    with connection.transaction(), connection.cursor() as cursor:
        basis = basis_of(cursor, layout.source)
        in_force = limits(cursor, layout.source)
        guard = spoke(in_force, "same_file", "this very file is the last one applied: nothing to do")
        # The texts of one archive have its hash, so their names tell them apart.
        is_same = (basis.sha256, basis.name) == (report.sha256, report.file)
        if is_same and guard and "same_file" not in options.accepted:
            _same(cursor, report, basis)
            report.guards.append(guard)
            return None
        can_delta = layout.keeps_lines and basis.kept_run == basis.number and basis.layout == layout_key(layout)
    job = Job(text, layout, report, options, basis)
    with timed(report, "read"):
        report.mode = "delta" if can_delta and basis.number is not None else "full"
        try:
            _stage(connection, job)
        except LinesDiffer:
            report.mode = "full"
            _stage(connection, job)
    return job


def _compare(connection: Connection, job: Job) -> None:
    layout, report, basis = job.layout, job.report, job.basis
    with timed(report, "compare"), connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        Workspace(report.number).enter(cursor)
        with job.options.progress(f"comparing {layout.source.name}", None):
            is_delta = report.mode == "delta"
            bulk = compare(cursor, layout.source, report.number, is_delta=is_delta)
        stated = stated_now(cursor, layout.source)
        report.diff = summary(cursor, layout.source, report.number, bulk, stated)
        report.warnings |= dict(cursor.execute(WARNINGS).fetchall())
        if not stated and report.mode == "full":
            report.mode = "first"
        _judge(cursor, job, stated)
        runs.planned(
            connection,
            report.run,
            base=basis.as_json(),
            layout=layout_key(layout),
            encoding=job.encoding,
            staged=count(cursor, "SELECT count(*) FROM stage"),
            bulk=sorted(bulk),
        )


def _same(cursor: psycopg.Cursor[Any], report: Report, basis: Basis) -> None:
    """The report of the last run, but that nothing changes."""
    before = runs.find(cursor.connection, basis.run or "")
    report.read, report.rejected, report.blank = before.read, before.rejected, before.blank
    report.warnings, report.mode = before.warnings, "same"
    report.diff["same"] = before.diff["create"] + before.diff["update"] + before.diff["same"]
    runs.planned(
        cursor.connection, report.run, base=basis.as_json(), layout=basis.layout, encoding=None, staged=None, bulk=[]
    )


def _judge(cursor: psycopg.Cursor[Any], job: Job, stated: int) -> None:
    report, layout, basis = job.report, job.layout, job.basis
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
    if layout.source is white_list.SOURCE:
        guards += judge_unlisted(cursor, in_force)
    report.guards += guards


def _stage(connection: Connection, job: Job) -> None:
    layout, text, report = job.layout, job.text, job.report
    with connection.transaction(), connection.cursor() as cursor:
        known = KnownLines(kept_order(cursor, layout.source) if report.mode == "delta" else b"")
        encoding = job.basis.encoding if report.mode == "delta" else None
        Workspace(report.number).create(cursor, layout)
        with closing(Reading(known, encoding)) as reading:
            with text.open() as opened, job.options.progress(f"reading {text.name}", text.size) as advance:
                stage(cursor, layout, ahead(layout.copy_text(_counting(opened, advance), reading)))
            for setting in FOR_MANY_ROWS:
                cursor.execute(f"SET LOCAL {setting}".encode())
            stage_gone(cursor, reading)
            report.rejected = settle_rejects(cursor, layout, reading)
            if layout.keeps_lines:
                keep_order(cursor, reading)
            report.read, report.blank = reading.read, reading.blank
            report.warnings = dict(reading.warnings)
            job.encoding = reading.encoding or encoding
            if report.rejected:
                runs.keep_rejects(connection, report.run)
                found = write_rejects(connection, report.run, job.options.rejects, text, layout, job.encoding)
                report.rejects = str(found)
        cursor.execute("ANALYZE stage")


def _counting(opened: Inflated, advance: Advance) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = opened.read(size)
        advance(len(data), data.count(b"\n"))
        return data

    return read
