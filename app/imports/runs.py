"""The records of runs: every run leaves one, refused and failed ones included, with a sample of its rejects."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from app.console import Refused
from app.imports.guards import Guard
from app.imports.report import Report

Connection = psycopg.Connection[Any]
# So many rejects of a run are kept in the database; the file beside holds all of them.
KEPT_REJECTS = 10_000
REJECT_COLUMNS = 'line, "column", code, detail, content'

BEGIN = """
INSERT INTO import_run (id, source, file_name, file_sha256, stamp, state, edition_before)
VALUES (%(run)s, %(source)s, %(file)s, %(sha256)s, %(stamp)s, 'failed', %(before)s)
"""
FINISH = """
UPDATE import_run SET state = %(state)s, lines_read = %(read)s, lines_accepted = %(accepted)s,
  lines_rejected = %(rejected)s, lines_blank = %(blank)s,
  diff = %(diff)s, guards = %(guards)s, warnings = %(warnings)s, edition_before = %(before)s,
  edition_after = %(after)s, finished_at = clock_timestamp()
WHERE id = %(run)s
"""
FIRST_REJECTS = 'SELECT line, "column", code, detail, content FROM import_reject WHERE run = %s ORDER BY line LIMIT 20'
RUN = """
SELECT id AS run, source, state, file_name AS file, file_sha256 AS sha256, stamp,
  json_build_object('read', lines_read, 'accepted', lines_accepted, 'rejected', lines_rejected, 'blank', lines_blank)
    AS lines,
  diff, guards, warnings, json_build_object('before', edition_before, 'after', edition_after) AS edition,
  started_at, finished_at
FROM import_run
"""


def new_run(source: str) -> str:
    """A name that sorts by time and tells its source."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{source}-{secrets.token_hex(3)}"


def begin(connection: Connection, report: Report, sha256: str) -> None:
    """Record that a run began: `failed`, without an end, until `finish` says otherwise. So a crash stays visible."""
    row = connection.execute("SELECT edition FROM directory").fetchone()
    report.edition_before = row[0] if row else None
    connection.execute(BEGIN, _values(report) | {"sha256": sha256})


def finish(connection: Connection, report: Report) -> None:
    connection.execute(FINISH, _values(report))


def published(connection: Connection, reports: list[Report], edition: int) -> None:
    """All that these runs changed can be read at this edition."""
    for report in reports:
        report.edition_after = edition
    connection.execute(
        "UPDATE import_run SET edition_after = %s WHERE id = ANY(%s)", [edition, [report.run for report in reports]]
    )


def keep_rejects(connection: Connection, run: str, folder: Path) -> Path:
    """Copy `import_stage_reject` to `folder`/`run`.csv, and its first rows into the database. Raises Refused.

    The file is its owner's alone: lines name people, and those of the white list hold contacts that are not public.
    """
    connection.execute(
        f"INSERT INTO import_reject (run, {REJECT_COLUMNS}) SELECT %s, {REJECT_COLUMNS} FROM import_stage_reject"  # noqa: S608 - our own names
        " ORDER BY line LIMIT %s",
        [run, KEPT_REJECTS],
    )
    path = folder / f"{run}.csv"
    statement = f"COPY (SELECT {REJECT_COLUMNS} FROM import_stage_reject ORDER BY line) TO STDOUT (FORMAT csv, HEADER)"  # noqa: S608 - our own names
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        with path.open("wb") as file, connection.cursor().copy(statement.encode()) as copy:
            for block in copy:
                file.write(block)
    except OSError as error:
        raise Refused(
            f"cannot write the rejected lines to {path}: {error.strerror}; give another folder with --rejects",
            "import.rejects",
        ) from error
    return path


def find(connection: Connection, run: str) -> dict[str, Any] | None:
    """The record of one run, with its first rejects; None when there is no such run."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"{RUN} WHERE id = %s".encode(), [run]).fetchone()
        if found is not None:
            found["rejected_lines"] = cursor.execute(FIRST_REJECTS, [run]).fetchall()
    return found


def latest(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The latest runs, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"{RUN} ORDER BY started_at DESC, id DESC LIMIT %s".encode(), [limit]).fetchall()


def refusal(code: str, detail: str) -> Guard:
    """The reason why a whole file was refused, kept where guards stand; no option overrides it."""
    return Guard(code, "refuse", detail)


def _values(report: Report) -> dict[str, Any]:
    return {
        "run": report.run,
        "source": report.source,
        "file": report.file,
        "stamp": report.stamp,
        "state": report.state,
        "read": report.read,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "blank": report.blank,
        "diff": Jsonb(report.diff),
        "guards": Jsonb([guard.as_json() for guard in report.guards]),
        "warnings": Jsonb(report.warnings),
        "before": report.edition_before,
        "after": report.edition_after,
    }
