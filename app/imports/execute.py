"""Plans applied and runs undone, each in one transaction, with its receipt."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import psycopg

from app import tracing
from app.console import Refused
from app.imports import kept, runs, trail
from app.imports.apply import mark, mark_rule, write
from app.imports.basis import basis_of, keeps_lines
from app.imports.guards import GUARDS, accept
from app.imports.report import Report
from app.imports.sources.catalogue import SOURCES, source_named
from app.imports.sources.description import Source
from app.imports.undo import mark_created, take_back
from app.imports.workspace import Workspace, drop_others
from app.settings import Settings

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
PLAN = """
SELECT number, source, state, base, layout, encoding, staged, bulk, mode FROM import_run WHERE id = %s FOR UPDATE
"""
APPLIED = """
UPDATE source SET loaded = true, run = %(run)s, stamp = coalesce(%(stamp)s, stamp), layout = %(layout)s,
  encoding = %(encoding)s, lines = %(lines)s WHERE name = %(source)s
"""
UNDONE = """
UPDATE source SET loaded = %(loaded)s, run = %(run)s, stamp = %(stamp)s, layout = %(layout)s, encoding = %(encoding)s,
  lines = %(lines)s WHERE name = %(name)s
"""
RECEIPT = """
UPDATE import_run SET state = 'undone', undone_by = %(undone_by)s, undone_at = %(undone_at)s WHERE id = %(run)s
"""
EDITION = "SELECT edition FROM directory"


class Plan(NamedTuple):
    """The part of a run's record that says how to apply or undo it."""

    number: int
    source: str
    state: str
    base: dict[str, Any] | None
    layout: str | None
    encoding: str | None
    staged: int | None
    bulk: list[str]
    mode: str | None


class Asker(Protocol):
    """Who asks, and which guards are accepted by name. `is_known_key`: it is the key of an admin."""

    @property
    def accepted(self) -> frozenset[str]: ...
    @property
    def by(self) -> str: ...
    @property
    def is_known_key(self) -> bool: ...


def apply_plan(connection: Connection, settings: Settings, run: str, asker: Asker) -> Report:
    """Apply a plan exactly as it was made. Raises Refused with what stands in its way; then nothing was changed."""
    started = time.monotonic()
    with (
        tracing.span("import apply", {"annuaire.stage": "apply"}) as note,
        connection.transaction(),
        psycopg.ClientCursor(connection) as cursor,
    ):
        report, plan = _found(cursor, run)
        space = Workspace(plan.number)
        _require_applicable(cursor, space, plan)
        now = datetime.now(UTC)
        # Why it was not applied at an earlier try is no guard of the plan.
        own = [guard for guard in report.guards if guard.name in GUARDS]
        report.guards = accept(own, asker.accepted, asker.by, now.isoformat())
        require_accepted(settings, report, asker)
        source = source_named(plan.source)
        note("annuaire.source", plan.source)
        note("annuaire.lines", report.read)
        basis = basis_of(cursor, source)
        if plan.base is None or basis.run != plan.base["run"]:
            raise Refused(
                f"since this plan was made, {basis.run or 'an undo'} changed {source.name}: plan the file again",
                "import.outdated",
            )
        report.edition_before = _edition(cursor)
        if plan.mode == "same":
            report.edition_after = report.edition_before
        else:
            report.edition_after = None
            _write(cursor, source, plan, space, run, is_first=not basis.loaded)
            cursor.execute(
                APPLIED,
                {"run": run, "stamp": report.stamp, "layout": plan.layout, "encoding": plan.encoding}
                | {"lines": report.accepted, "source": source.name},
            )
        report.state, report.applied_by, report.applied_at = "applied", asker.by, now
        report.stages["apply"] = round(time.monotonic() - started, 3)
        runs.finish(connection, report)
        trail.note_accepted_guards(connection, report, now.isoformat(), asker)
        trail.note(connection, "import.applied", report, asker)
    return report


def undo_run(connection: Connection, settings: Settings, run: str, asker: Asker) -> Report:
    """Take back the latest applied run of its source. Raises Refused with the rows or the rule in the way."""
    with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        report, plan = _found(cursor, run)
        source = source_named(plan.source)
        basis = basis_of(cursor, source)
        require_undoable(settings, report, basis.run)
        mark_created(cursor, source, plan.number, run)
        take_back(cursor, source, plan.number)
        mark(cursor, source, plan.number, run)
        before = plan.base or {}
        if basis.loaded and not before["loaded"]:
            mark_rule(cursor, source, run)
        cursor.execute(UNDONE, before | {"name": source.name})
        kept.put_back(cursor, source, plan.number, before["number"], is_delta=plan.mode == "delta")
        report.state, report.undone_by, report.undone_at = "undone", asker.by, datetime.now(UTC)
        cursor.execute(RECEIPT, vars(report))
        trail.note(connection, "import.undone", report, asker)
    return report


def prune(connection: Connection, settings: Settings) -> None:
    """Drop what no plan and no undo can need any more: schemas of ended runs, rows as they were before old runs."""
    with connection.transaction(), connection.cursor() as cursor:
        planned = cursor.execute(
            "SELECT number FROM import_run WHERE state IN ('planned', 'refused') AND staged IS NOT NULL"
            " AND (started_at > now() - make_interval(days => %s) OR wish IS NOT NULL)",
            [settings.import_plan_days],
        ).fetchall()
        drop_others(cursor, [number for (number,) in planned])
        old = cursor.execute(
            "SELECT DISTINCT r.number FROM import_run r WHERE r.number IN (SELECT run FROM import_change) AND NOT ("
            " r.state IN ('planned', 'refused')"
            " AND (r.started_at > now() - make_interval(days => %s) OR r.wish IS NOT NULL)"
            " OR r.state = 'applied' AND r.applied_at > now() - make_interval(days => %s))",
            [settings.import_plan_days, settings.import_undo_days],
        ).fetchall()
        # A list for an hour that nobody asked for: its file goes with the plan.
        cursor.execute(
            "UPDATE import_run SET spool = NULL WHERE spool IS NOT NULL AND wish IS NULL AND effective_at IS NOT NULL"
            " AND started_at < now() - make_interval(days => %s)",
            [settings.import_plan_days],
        )
        numbers = [number for (number,) in old]
        if numbers:
            cursor.execute("DELETE FROM import_change WHERE run = ANY(%s)", [numbers])
            for source in SOURCES:
                kept.forget(cursor, source, numbers)


def _found(cursor: Cursor, run: str) -> tuple[Report, Plan]:
    plan = cursor.execute(PLAN, [run]).fetchone()
    # Read after the row is locked: two commands may want the same run at once.
    report = runs.find(cursor.connection, run)
    if plan is None:
        raise LookupError(f"run {run} went away")
    return report, Plan(*plan)


def _require_applicable(cursor: Cursor, space: Workspace, plan: Plan) -> None:
    if plan.state not in {"planned", "refused"}:
        raise Refused(f"this run is {plan.state}: only a plan can be applied", "import.not_planned")
    if plan.mode == "same" and plan.state == "planned":
        return
    if plan.staged is None:
        raise Refused("the file of this run was refused: there is no plan to apply", "import.not_planned")
    if not space.is_whole(cursor, plan.staged):
        raise Refused("the plan is gone, by its age or a crash of PostgreSQL: plan the file again", "import.plan_lost")


def require_accepted(settings: Settings, report: Report, asker: Asker) -> None:
    """Raises Refused: a guard refuses the plan, or was accepted by who may not accept it."""
    if refusing := [guard.name for guard in report.guards if guard.refuses]:
        names = " ".join(f"--accept-guard {name}" for name in refusing)
        raise Refused(
            f"guards refuse this plan: {', '.join(refusing)}. If it is right, apply it with {names}", "import.guarded"
        )
    is_accepting = any(guard.accepted and guard.by == asker.by for guard in report.guards)
    if settings.import_second_person and is_accepting and not (asker.is_known_key and asker.by != report.planned_by):
        raise Refused(
            "a guard is accepted by the key of another admin than the one who made the plan: "
            f"{report.planned_by} made it; apply it with --key-file and the key of somebody else",
            "import.second_person_required",
        )


def require_undoable(settings: Settings, report: Report, last: str | None) -> None:
    """Raises Refused: the run is not the last one applied of its source (`last`), or is too old."""
    if report.state != "applied":
        raise Refused(f"this run is {report.state}: only an applied run can be undone", "import.not_applied")
    if report.mode == "same":
        raise Refused("this run changed nothing: there is nothing to undo", "import.not_applied")
    if last != report.run:
        raise Refused(f"a later run of {report.source} was applied ({last}): undo that one first", "import.not_latest")
    age = datetime.now(UTC) - report.applied_at if report.applied_at else None
    if age is None or age.days >= settings.import_undo_days:
        raise Refused(
            f"the run was applied over {settings.import_undo_days} days ago: what it changed is not kept any more. "
            "Import a corrected file.",
            "import.too_old",
        )


def _write(cursor: Cursor, source: Source, plan: Plan, space: Workspace, run: str, *, is_first: bool) -> None:
    space.enter(cursor)
    write(cursor, source, plan.number, plan.bulk)
    if is_first and source.is_rule:
        mark_rule(cursor, source, run)
    mark(cursor, source, plan.number, run, plan.bulk if not (is_first and source.is_rule) else ())
    if plan.mode == "delta":
        kept.keep_changes(cursor, source, plan.number)
    elif keeps_lines(plan.layout):
        kept.keep_all(cursor, source, plan.number)
    else:
        kept.keep_none(cursor, source)


def _edition(cursor: Cursor) -> int | None:
    row = cursor.execute(EDITION).fetchone()
    return row[0] if row else None


def applied(reports: Sequence[Report]) -> list[Report]:
    """The reports of runs that changed something."""
    return [report for report in reports if report.state == "applied" and report.mode != "same"]
