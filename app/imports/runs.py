"""The records of runs: every run leaves one, refused and failed ones included, with a sample of its rejects."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from app.console import Refused
from app.imports.guards import Guard
from app.imports.report import Report, from_record

Connection = psycopg.Connection[Any]
# So many rejects of a run are kept in the database; the file beside holds all of them.
KEPT_REJECTS = 10_000
REJECT_COLUMNS = 'line, "column", code, detail, content'

BEGIN = """
INSERT INTO import_run (id, source, file_name, file_sha256, stamp, state, edition_before, planned_by, started_at)
VALUES (%(run)s, %(source)s, %(file)s, %(sha256)s, %(stamp)s, 'failed',
  (SELECT edition FROM directory), %(planned_by)s, now())
ON CONFLICT (id) DO UPDATE SET source = excluded.source, file_name = excluded.file_name,
  file_sha256 = excluded.file_sha256, stamp = excluded.stamp, edition_before = excluded.edition_before
RETURNING number, edition_before, started_at
"""
FINISH = """
UPDATE import_run SET state = %(state)s, lines_read = %(read)s, lines_accepted = %(accepted)s,
  lines_rejected = %(rejected)s, lines_blank = %(blank)s, diff = %(diff)s, guards = %(guards)s, warnings = %(warnings)s,
  edition_before = %(edition_before)s, edition_after = %(edition_after)s, mode = %(mode)s, stages = %(stages)s,
  applied_by = %(applied_by)s,
  applied_at = %(applied_at)s, finished_at = clock_timestamp(), phase = NULL, progress = NULL
WHERE id = %(run)s
"""
PLANNED = """
UPDATE import_run
SET base = %(base)s, layout = %(layout)s, encoding = %(encoding)s, staged = %(staged)s, bulk = %(bulk)s
WHERE id = %(run)s
"""
FIRST_REJECTS = 'SELECT line, "column", code, detail, content FROM import_reject WHERE run = %s ORDER BY line LIMIT 20'
RUN_COLUMNS = """id AS run, number, source, state, file_name AS file, file_sha256 AS sha256, stamp, lines_read AS read,
  lines_rejected AS rejected, lines_blank AS blank, diff, guards, warnings, edition_before, edition_after,
  edition_undone, mode, stages, phase, progress, planned_by, applied_by, undone_by, effective_at, started_at,
  applied_at, undone_at, finished_at"""
RUN = f"SELECT {RUN_COLUMNS} FROM import_run"  # noqa: S608 - our own names


def new_run(source: str) -> str:
    """A name that sorts by time and tells its source."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{source}-{secrets.token_hex(3)}"


def begin(connection: Connection, report: Report) -> None:
    """Record that a run began: `failed`, without an end, until `finish` says otherwise. So a crash stays visible."""
    row = connection.execute(BEGIN, vars(report)).fetchone()
    if row is None:
        raise LookupError(f"the record of run {report.run} was not written")
    report.number, report.edition_before, report.started_at = row


def finish(connection: Connection, report: Report) -> None:
    """Write down how the run ended, or that it is planned."""
    given = vars(report) | {
        "accepted": report.accepted,
        "diff": Jsonb(report.diff),
        "guards": Jsonb([guard.as_json() for guard in report.guards]),
        "warnings": Jsonb(report.warnings),
        "stages": Jsonb(report.stages),
    }
    connection.execute(FINISH, given)


def planned(connection: Connection, run: str, **basis: Any) -> None:
    """What a plan rests on: the state of its source (`base`), the layout of the file, and what was staged."""
    connection.execute(PLANNED, {"run": run, **basis, "base": Jsonb(basis["base"])})


def published(connection: Connection, reports: Iterable[Report], edition: int) -> None:
    """All that these runs changed can be read at this edition."""
    for report in reports:
        if report.state == "undone":
            report.edition_undone = edition
        else:
            report.edition_after = edition
        connection.execute(
            "UPDATE import_run SET edition_after = %s, edition_undone = %s, stages = %s WHERE id = %s",
            [report.edition_after, report.edition_undone, Jsonb(report.stages), report.run],
        )


def tidied(connection: Connection, reports: Iterable[Report]) -> None:
    """Write down the seconds of all stages."""
    for report in reports:
        connection.execute("UPDATE import_run SET stages = %s WHERE id = %s", [Jsonb(report.stages), report.run])


def keep_rejects(connection: Connection, run: str) -> None:
    """The first rows of `import_stage_reject` into the database."""
    connection.execute(
        f"INSERT INTO import_reject (run, {REJECT_COLUMNS}) SELECT %s, {REJECT_COLUMNS} FROM import_stage_reject"  # noqa: S608 - our own names
        " ORDER BY line LIMIT %s",
        [run, KEPT_REJECTS],
    )


def find(connection: Connection, run: str) -> Report:
    """The report of one run. Raises Refused: there is no such run."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"{RUN} WHERE id = %s".encode(), [run]).fetchone()
    if found is None:
        raise Refused(f"there is no run {run}: see annuaire import list", "import.unknown_run")
    return from_record(found)


def first_rejects(connection: Connection, run: str) -> list[dict[str, Any]]:
    """The first rejected lines of a run."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(FIRST_REJECTS, [run]).fetchall()


def latest(connection: Connection, limit: int) -> list[Report]:
    """The latest runs, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"{RUN} ORDER BY started_at DESC, id DESC LIMIT %s".encode(), [limit]).fetchall()
    return [from_record(record) for record in found]


def refusal(code: str, detail: str) -> Guard:
    """The reason why a whole file was refused, kept where guards stand; no option overrides it."""
    return Guard(code, "refuse", detail)
