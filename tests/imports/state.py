"""What the registry and the directory hold, so that two moments can be compared."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from app.imports.execute import apply_plan, undo_run
from app.imports.options import Options
from app.imports.pipeline import importer, publish_runs
from app.imports.report import Report
from app.publication.digest import root
from app.settings import Settings

Connection = psycopg.Connection[Any]
Content = dict[str, Counter[str]]
REGISTRY = (
    "practitioner",
    "practice",
    "skill",
    "qualification",
    "practitioner_role",
    "organization",
    "organization_record",
    "mailbox",
    "mailbox_attachment",
    "operator",
    "operator_certificate",
    "domain",
    "file_label",
)
# What tells when and by which run a row was written, not what it says.
TRACES = ("id", "created_run", "changed_run", "created_at", "updated_at", "state_since", "withdrawn_at")
LEFT_BEHIND = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'import\\_run\\_%'"


def registry(connection: Connection, *, without: tuple[str, ...] = TRACES) -> Content:
    """Every row of every registry table as JSON, and how often it stands there; `without` these columns."""
    return {
        table: Counter(
            text
            for (text,) in connection.execute(
                sql.SQL("SELECT (to_jsonb(t) - {}::text[])::text FROM {} t").format(
                    sql.Literal(list(without)), sql.Identifier(table)
                )
            )
        )
        for table in REGISTRY
    }


def whole(connection: Connection) -> tuple[Content, str]:
    """The registry to the last column, and the digest of what is published."""
    return registry(connection, without=()), digest(connection)


def said(connection: Connection) -> tuple[Content, str]:
    """What the registry says, and the digest of what is published."""
    return registry(connection), digest(connection)


def digest(connection: Connection) -> str:
    return root(connection).root


def differences(before: Content, now: Content) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """{table: rows only before, rows only now}, of the tables that differ: what a failing test prints."""
    return {
        table: (before[table] - now[table], now[table] - before[table])
        for table in before
        if before[table] != now[table]
    }


def undo(settings: Settings, run: str, options: Options) -> Report:
    """What `annuaire import undo` does."""
    return _done(settings, run, options, undo_run)


def apply(settings: Settings, run: str, options: Options) -> Report:
    """What `annuaire import apply` does."""
    return _done(settings, run, options, apply_plan)


def _done(settings: Settings, run: str, options: Options, command: Callable[..., Report]) -> Report:
    with importer(settings) as connection:
        report = command(connection, settings, run, options)
        publish_runs(connection, settings, [report] if report.mode != "same" else [], options)
    return report
