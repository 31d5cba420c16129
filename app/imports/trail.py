"""What imports leave in the audit trail: plans, guards accepted by name, runs applied and undone."""

from typing import Any, Protocol

import psycopg

from app.access.audit import Act, append, by_command, row_hash
from app.imports.report import Report

Connection = psycopg.Connection[Any]
ACCOUNT = "account "
IS_KEY = "SELECT EXISTS (SELECT FROM api_key WHERE id = %s)"


class Asker(Protocol):
    """Who asks: `by` is the id of a key or of an OAuth client when `is_known_key`, else the account of a command."""

    @property
    def by(self) -> str: ...
    @property
    def is_known_key(self) -> bool: ...


def note(connection: Connection, action: str, report: Report, asker: Asker) -> None:
    """Write down what somebody did with a run: last in its transaction."""
    diff = report.diff
    # The file is named by its hash: its own name is its sender's text.
    detail = (
        f"{report.source} {report.mode or ''} {report.sha256[:16]}: "
        f"create {diff['create']}, update {diff['update']}, close {diff['close']}, same {diff['same']}"
    )
    done = {"run": report.run, "source": report.source, "sha256": report.sha256, "state": report.state, "diff": diff}
    append(connection, _act(connection, asker, action, report.run, row_hash(done), detail))


def note_accepted_guards(connection: Connection, report: Report, at: str, asker: Asker) -> None:
    """Write down each guard of the run that was accepted at this instant."""
    for guard in report.guards:
        if guard.accepted and guard.at == at:
            detail = f"{guard.name}: {guard.detail}"
            append(connection, _act(connection, asker, "guard.accepted", report.run, None, detail))


def note_guard(connection: Connection, source: str, wishes: list[str]) -> None:
    """Write down that the account which runs this command changed limits or levels of guards."""
    if wishes:
        append(connection, by_command("guard.changed", "guard", source, detail=", ".join(wishes)))


def _act(connection: Connection, asker: Asker, action: str, run: str, after: bytes | None, detail: str) -> Act:
    return Act(asker.by, _credential(connection, asker), None, action, "import", run, None, after, detail)


def _credential(connection: Connection, asker: Asker) -> str:
    if not asker.is_known_key:
        return f"account:{asker.by.removeprefix(ACCOUNT)}"
    row = connection.execute(IS_KEY, [asker.by]).fetchone()
    return f"{'key' if row and row[0] else 'token'}:{asker.by}"
