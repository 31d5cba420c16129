"""The worker's third loop: does what REST asked of runs, one wish after the other, the oldest first.

    wish ─► plan (file in the spool) ─► apply ─► publish ─► done: the wish is taken out, the file removed
                                   undo ─┘

A wish stays in the record of its run until it is done: a worker that is killed leaves it, and the next one takes it up.
A plan is made again from its file, an apply or undo is one transaction whose state tells whether it was. Each
taking counts as an attempt; after MOST_ATTEMPTS the run fails and says so.
"""

import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.types.json import Jsonb

from app import tracing
from app.console import Refused, one_line
from app.db import connect, is_passing
from app.imports import runs, trail
from app.imports.execute import applied, apply_plan, undo_run
from app.imports.inputs import Input, inputs_of
from app.imports.options import Options
from app.imports.pipeline import IMPORT_LOCK, can_apply, importer, publish_runs
from app.imports.planning import plan_input
from app.imports.report import Report
from app.imports.run_progress import RunProgress, Stopping
from app.imports.spool import Spool
from app.imports.wishes import CHANNEL
from app.imports.workspace import Workspace
from app.publication.drain import LOOK_SECONDS
from app.settings import Settings

logger = structlog.get_logger(__name__)

Connection = psycopg.Connection[Any]
MOST_ATTEMPTS = 3
OPEN = frozenset({"waiting", "running"})
PLANS = frozenset({"planned", "refused"})
OLDEST = """
SELECT id FROM import_run WHERE wish IS NOT NULL AND coalesce(effective_at <= now(), true)
ORDER BY progress ->> 'asked_at' NULLS FIRST, number LIMIT 1
"""
TAKE = """
UPDATE import_run SET state = CASE state WHEN 'waiting' THEN 'running' ELSE state END, phase = 'starting',
  progress = coalesce(progress, '{}')
    || jsonb_build_object('attempt', coalesce((progress ->> 'attempt')::integer, 0) + 1)
WHERE id = %s AND wish IS NOT NULL
RETURNING id, wish, spool, wish_guards, wish_by, (progress ->> 'attempt')::integer, effective_at IS NOT NULL
"""
# A worker that is asked to end has not failed.
PUT_BACK = """
UPDATE import_run SET phase = NULL, progress = coalesce(progress, '{}')
  || jsonb_build_object('attempt', greatest(0, coalesce((progress ->> 'attempt')::integer, 0) - 1))
WHERE id = %s
"""
MEMBER = """
INSERT INTO import_run (id, source, file_name, file_sha256, state, edition_before, planned_by)
VALUES (%s, 'unknown', %s, %s, 'running', (SELECT edition FROM directory), %s) ON CONFLICT (id) DO NOTHING
"""
FAILED = """
UPDATE import_run SET state = 'failed', finished_at = clock_timestamp(), guards = guards || %(guards)s, phase = NULL
WHERE (id = %(run)s OR starts_with(id, %(run)s || '.')) AND state IN ('waiting', 'running')
"""
DONE = """
UPDATE import_run SET wish = NULL, wish_guards = '{}', wish_by = NULL, spool = NULL, phase = NULL, progress = NULL
WHERE id = %s
"""
SAY = "UPDATE import_run SET progress = jsonb_build_object('refusal', %s::jsonb) WHERE id = %s"


class Wish(NamedTuple):
    """What is asked of run `run`, by the key or account `by`. `spool`: where its file lies, to be planned first.

    `is_timed`: its hour has come; the plan that was shown before is made anew.
    """

    run: str
    do: str
    spool: str | None
    guards: list[str]
    by: str | None
    attempt: int
    is_timed: bool


def run(settings: Settings, stop: threading.Event) -> None:
    """The worker's loop, until `stop` is set. Raises when PostgreSQL goes away."""
    spool = Spool(settings.spool_dir, settings.import_upload_limit)
    with connect(settings, autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANNEL}".encode())
        _sweep(connection, settings, spool)
        while not stop.is_set():
            found = connection.execute(OLDEST).fetchone()
            if found and _is_idle(connection):
                _grant(settings, spool, found[0], stop)
                _sweep(connection, settings, spool)
                continue
            for _ in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                break


def _is_idle(connection: Connection) -> bool:
    """Whether no import runs: whoever waits for the lock cannot be told to stop."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [IMPORT_LOCK]).fetchone()
    is_free = bool(row and row[0])
    if is_free:
        connection.execute("SELECT pg_advisory_unlock(%s)", [IMPORT_LOCK])
    return is_free


def _sweep(connection: Connection, settings: Settings, spool: Spool) -> None:
    """Remove files that nothing needs: a worker may have been killed between the end of a run and its file's."""
    spool.sweep(settings.import_undo_days)
    for name in spool.runs():
        row = connection.execute("SELECT spool IS NULL FROM import_run WHERE id = %s", [name]).fetchone()
        if row and row[0]:
            spool.remove(name)


def _grant(settings: Settings, spool: Spool, name: str, stop: threading.Event) -> None:
    try:
        with importer(settings) as connection, connect(settings, autocommit=True) as beside:
            if row := connection.execute(TAKE, [name]).fetchone():
                wish = Wish(*row)
                task = Task(settings, spool, connection, RunProgress(beside, [wish.run], stop), wish)
                with tracing.span("import"):
                    task.run()
    except Refused as busy:
        logger.info("an import goes first", detail=busy.message)


@dataclass
class Task:
    """One wish on its way. `refusals`: why it was not granted, for each run."""

    settings: Settings
    spool: Spool
    connection: Connection
    progress: RunProgress
    wish: Wish
    refusals: dict[str, Refused] = field(default_factory=dict)

    def run(self) -> None:
        """Grant the wish, or record why not. Raises psycopg.Error when it may succeed later; then it stays."""
        with structlog.contextvars.bound_contextvars(run=self.wish.run, wish=self.wish.do):
            self._run()

    def _run(self) -> None:
        logger.info("import begins")
        try:
            self._grant()
        except Stopping:
            self.connection.execute(PUT_BACK, [self.wish.run])
            return
        except Refused as refused:
            self.refusals[self.wish.run] = refused
        except OSError as error:
            self.refusals[self.wish.run] = Refused(f"the file cannot be read: {one_line(error)}", "system.failed")
        except Exception as error:
            if is_passing(error):
                raise
            logger.exception("wish failed")
            code = "database.error" if isinstance(error, psycopg.Error) else "internal"
            self.refusals[self.wish.run] = Refused(f"nothing was half done: {one_line(error)}", code)
        self._end()

    def _grant(self) -> None:
        if self.wish.attempt > MOST_ATTEMPTS:
            raise Refused(
                f"given up: {MOST_ATTEMPTS} times the worker ended on the way, see its log", "import.attempts"
            )
        reports = (
            self._undone() if self.wish.do == "undo" else self._planned() if self.wish.spool else [self._applied()]
        )
        changed = [report for report in reports if report.state == "undone"] or applied(reports)
        publish_runs(self.connection, self.settings, changed, self._options)

    @property
    def _options(self) -> Options:
        return Options(
            self.spool.rejects.absolute(),
            frozenset(self.wish.guards),
            by=self.wish.by or "",
            is_known_key=not (self.wish.by or "").startswith(trail.ACCOUNT),
            progress=self.progress,
        )

    def _planned(self) -> list[Report]:
        """Plan each text of the file, in the order of their sources, and apply it where that is asked."""
        inputs = sorted(inputs_of(self.spool.folder / (self.wish.spool or "")), key=lambda each: each.order)
        names = [self.wish.run, *(f"{self.wish.run}.{place}" for place in range(2, len(inputs) + 1))]
        for name, each in zip(names, inputs, strict=True):
            self.connection.execute(MEMBER, [name, each.name, each.sha256, self.wish.by])
        return [self._text(name, each) for name, each in zip(names, inputs, strict=True)]

    def _text(self, name: str, each: Input) -> Report:
        self.progress.runs = [self.wish.run, name]
        report = runs.find(self.connection, name)
        if report.state in OPEN or (self.wish.is_timed and report.state in PLANS):
            self._forget(report)
            report = plan_input(self.connection, self._options, each, name)
            if self.wish.is_timed and not can_apply(report, self._options):
                logger.error(
                    "a white list is due and is held", run=name, guards=[guard.name for guard in report.guards]
                )
        if self.wish.do == "apply" and can_apply(report, self._options):
            return self._applied(name)
        return report

    def _forget(self, report: Report) -> None:
        """Drop what an attempt that was cut short wrote of its plan."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            Workspace(report.number).drop(cursor)
            cursor.execute("DELETE FROM import_change WHERE run = %s", [report.number])
            cursor.execute("DELETE FROM import_reject WHERE run = %s", [report.run])

    def _applied(self, name: str | None = None) -> Report:
        """The run applied, also by an attempt that was cut short; or as it is, with the reason why not."""
        report = runs.find(self.connection, name or self.wish.run)
        if report.state == "applied":
            return report
        self.progress.note("applying")
        try:
            return apply_plan(self.connection, self.settings, report.run, self._options)
        except Refused as refused:
            self.refusals[report.run] = refused
            return report

    def _undone(self) -> list[Report]:
        report = runs.find(self.connection, self.wish.run)
        if report.state == "undone":
            return [report]
        self.progress.note("undoing")
        return [undo_run(self.connection, self.settings, self.wish.run, self._options)]

    def _end(self) -> None:
        """Take the wish out of the record, with what is to be said of it; then the file."""
        with self.connection.transaction():
            if refused := self.refusals.get(self.wish.run):
                guard = runs.refusal(refused.code, refused.message)
                self.connection.execute(FAILED, {"run": self.wish.run, "guards": Jsonb([guard.as_json()])})
            self.connection.execute(DONE, [self.wish.run])
            for name, refused in self.refusals.items():
                said = {"wish": self.wish.do, "code": refused.code, "detail": refused.message}
                self.connection.execute(SAY, [Jsonb(said), name])
        self.spool.remove(self.wish.run)
