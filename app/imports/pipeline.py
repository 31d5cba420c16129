"""The import engine: one file after the other, each wholly or not at all.

    receive ─► recognise ─► stage ─► plan ─► guards ─► apply ─► pending ─► publish
               (content)    └─ transaction 1: rejects and counts stay, whatever follows
                                     └─ transaction 2: plan and apply; rolled back when refused or only planned

One connection and one session lock from the first file to the last; files are applied in the order of their sources, so
that any order of arguments gives the same directory. Publishing comes once, after the last file.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog

from app.console import Advance, Refused, one_line, progress, say
from app.db import connect
from app.imports import runs
from app.imports.guards import Figures, Limits, check
from app.imports.labels import keep_labels
from app.imports.reading import Layout, Reading, missing_fields
from app.imports.receive import Inflated, Text, receive, sha256
from app.imports.recognise import recognise
from app.imports.refusal import FileRefused
from app.imports.report import ACTIONS, UNKNOWN_SOURCE, Report
from app.imports.stage import drop_tables, settle_rejects, stage
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
    """How to import. `rejects`: the folder for files of rejected lines; `accepted`: names of guards not to heed."""

    rejects: Path
    accepted: frozenset[str] = frozenset()
    dry_run: bool = False
    wait: bool = True
    progress: Progress = progress


@dataclass(frozen=True)
class Input:
    """One text that a source reads, or the reason (`refused`) why none does."""

    path: Path
    name: str
    sha256: str
    text: Text | None = None
    layout: Layout | None = None
    refused: FileRefused | None = None
    left_out: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Rank of the source; several files of one source by their stamps, then by what they are."""
        rank, stamp = (self.layout.source.rank, self.layout.stamp or "") if self.layout else (0, "")
        return rank, stamp, self.sha256, self.name


def import_files(settings: Settings, paths: Sequence[Path], options: Options) -> list[Report]:
    """Import these files, in the order of their sources, and publish what they changed. One report for each text.

    A refused file leaves the directory as it is and does not stop the others. Raises Refused: another import runs.
    """
    inputs = [received for path in paths for received in inputs_of(path)]
    with connect(settings, autocommit=True) as connection, _only_importer(connection):
        reports = [_run(connection, settings, options, each) for each in sorted(inputs, key=lambda each: each.order)]
        applied = [report for report in reports if report.state == "applied"]
        if not applied:
            return reports
        if options.wait:
            runs.published(connection, applied, _publish(connection, settings, options.progress))
        else:
            waiting, _ = backlog(connection)
            for report in applied:
                report.pending = waiting
    return reports


def inputs_of(path: Path) -> list[Input]:
    """What is in a file, by content. Members of an archive that no source reads are left out when others are read."""
    try:
        texts = receive(path)
    except FileRefused as refused:
        return [Input(path, path.name, sha256(path), refused=refused)]
    found: list[tuple[Text, Layout]] = []
    unread: list[tuple[Text, FileRefused]] = []
    for text in texts:
        try:
            found.append((text, recognise(text)))
        except FileRefused as refused:
            unread.append((text, refused))
    if not found:
        return [Input(path, text.name, text.sha256, refused=refused) for text, refused in unread]
    left_out = tuple(f"{text.name} ({refused.code})" for text, refused in unread)
    return [Input(path, text.name, text.sha256, text, layout, left_out=left_out) for text, layout in found]


@contextmanager
def _only_importer(connection: Connection) -> Iterator[None]:
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
    yield
    # Closing the connection gives the lock back; so does its loss.


def _run(connection: Connection, settings: Settings, options: Options, each: Input) -> Report:
    source = each.layout.source.name if each.layout else UNKNOWN_SOURCE
    stamp = each.layout.stamp if each.layout else None
    report = Report(runs.new_run(source), each.name, source, stamp, left_out=each.left_out)
    runs.begin(connection, report, each.sha256)
    try:
        if each.refused:
            raise each.refused
        if each.text and each.layout:
            _stage(connection, options, each.text, each.layout, report)
            _plan_and_apply(connection, settings, options, each.layout, report)
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
    if report.state != "applied":
        # A lost connection raises here, and the record keeps saying `failed`.
        report.edition_after = report.edition_before
        runs.finish(connection, report)
    drop_tables(connection.cursor())
    return report


def _stage(connection: Connection, options: Options, text: Text, layout: Layout, report: Report) -> None:
    with closing(Reading()) as reading, connection.transaction(), connection.cursor() as cursor:
        with text.open() as opened, options.progress(f"reading {text.name}", text.size) as advance:
            stage(cursor, layout, layout.copy_text(_counting(opened, advance), reading))
        report.rejected = settle_rejects(cursor, layout, reading)
        report.read, report.blank = reading.read, reading.blank
        report.warnings = dict(reading.warnings)
        if report.rejected:
            report.rejects = str(runs.keep_rejects(connection, report.run, options.rejects))


def _counting(opened: Inflated, advance: Advance) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = opened.read(size)
        advance(len(data))
        return data

    return read


def _plan_and_apply(
    connection: Connection, settings: Settings, options: Options, layout: Layout, report: Report
) -> None:
    source = layout.source
    with connection.transaction() as transaction, psycopg.ClientCursor(connection) as cursor:
        with options.progress(f"planning {source.name}", None):
            asserted = _plan(cursor, source.asserted, source.plan, source.counted_kind, report)
        figures = Figures(report.read, report.rejected, asserted, report.diff["close"], source.counted_kind)
        limits = Limits(settings.import_shrink_limit, settings.import_reject_limit)
        report.guards += check(figures, limits, options.accepted)
        if any(guard.refuses for guard in report.guards) or options.dry_run:
            report.state = "refused" if any(guard.refuses for guard in report.guards) else "planned"
            raise psycopg.Rollback(transaction)
        with options.progress(f"applying {source.name}", None):
            cursor.execute(source.apply, {"run": report.run})
            keep_labels(cursor, source, missing_fields(layout))
            cursor.execute(
                "UPDATE source SET loaded = true, run = %s, stamp = %s WHERE name = %s",
                [report.run, report.stamp, source.name],
            )
            report.state = "applied"
            runs.finish(connection, report)
            cursor.execute("SELECT pg_notify('annuaire_pending', '')")


def _plan(cursor: psycopg.ClientCursor[Any], asserted: str, plan: str, kind: str, report: Report) -> int:
    """Run the plan of a source; the diff and the warnings go to the report. Returns what the source asserted before."""
    cursor.execute("SET LOCAL work_mem = '512MB'")
    cursor.execute("CREATE TEMP TABLE plan (kind text, key text, action text) ON COMMIT DROP")
    row = cursor.execute(asserted.encode()).fetchone()
    cursor.execute(plan.encode())
    counts = dict(
        cursor.execute("SELECT action, count(*) FROM plan WHERE kind = %s GROUP BY action", [kind]).fetchall()
    )
    report.diff = {action: counts.get(action, 0) for action in ACTIONS}
    report.warnings |= dict(cursor.execute("SELECT code, entities FROM plan_warning ORDER BY code").fetchall())
    return int(row[0]) if row else 0


def _publish(connection: Connection, settings: Settings, show: Progress) -> int:
    waiting, _ = backlog(connection)
    with show("publishing", waiting) as advance:

        def left(count: int) -> None:
            nonlocal waiting
            advance(waiting - count)
            waiting = count

        return drain_all(settings, progress=left)
