"""The second way back, where no backup is left: mailboxes from a snapshot, into a directory that has none.

    snapshot, proved ─► mailboxes, holders, marks; an act ─► drain ─► publication, held against the snapshot's root

A publication is no registry, and what it does not say is not made up. Persons and structures come from the registers'
own files, before or after: a person's practices, contacts and sources stand in no document. A mailbox does: each column
that is shown is a column of its row. What is hidden, withdrawn, or known to its owner alone is in no snapshot, and so
does not come back.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from app.access.audit import append, by_command
from app.console import Refused
from app.imports.pipeline import importer
from app.imports.snapshot_file import Snapshot
from app.imports.stage import FlushingWriter
from app.publication.digest import root
from app.publication.drain import drain_all
from app.settings import Settings

Connection = psycopg.Connection[Any]
HAS_MAILBOXES = "SELECT EXISTS (SELECT FROM mailbox)"
COPY = "COPY shown (kind, key, fingerprint, document) FROM STDIN"
STEPS = ("holders", "persons", "structures", "mailboxes", "attachments", "marks")
NOT_HELD = (
    "mailboxes that are hidden, suspended or withdrawn, and who followed them",
    "responsible, telephone, and when a mailbox was first published",
    "persons and structures (their registers' files), operators and domains (the white list)",
    "conformity files, keys, certificates, webhooks, transfers, notices, budgets",
    "the audit trail and the log of consultations",
)


class Compared(NamedTuple):
    """Of one kind: how many the snapshot shows, and how the directory differs from it now."""

    kind: str
    shown: int
    missing: int
    different: int
    extra: int


class Restored(NamedTuple):
    """What came back. `root_here` equals `root` when the directory is the snapshot's edition again."""

    edition: int
    made_at: datetime
    mailboxes: int
    root: str
    root_here: str
    differences: list[Compared]

    @property
    def is_equal(self) -> bool:
        return self.root == self.root_here


def import_snapshot(settings: Settings, snapshot: Snapshot) -> Restored:
    """Write the snapshot's mailboxes into a registry without any, publish them, and compare.

    Raises Refused: there are mailboxes, operators that it names are not here, another import runs.
    """
    statements = _statements()
    with importer(settings) as connection:
        with connection.transaction():
            _require_empty(connection)
            connection.execute(statements["stage"].encode())
            with connection.cursor() as cursor, cursor.copy(COPY, writer=FlushingWriter(cursor)) as copy:
                for row in _rows(snapshot):
                    copy.write_row(row)
            _require_operators(connection, statements["strangers"])
            count = {step: connection.execute(statements[step].encode()).rowcount for step in STEPS}["mailboxes"]
            detail = f"made {snapshot.made_at:%Y-%m-%dT%H:%M:%SZ}, root {snapshot.root}: {count} mailboxes"
            append(connection, by_command("snapshot.imported", "snapshot", str(snapshot.edition), detail=detail))
        drain_all(settings)
        compared = [Compared(*row) for row in connection.execute(statements["compare"].encode())]
        here = root(connection).root
    return Restored(snapshot.edition, snapshot.made_at, count, snapshot.root, here, compared)


def _rows(snapshot: Snapshot) -> Iterator[tuple[str, str, str, str | None]]:
    """(kind, key, fingerprint, document): of others than mailboxes only what they are compared by."""
    for line in snapshot.lines():
        fingerprint = line["resource"]["fingerprint"]
        document = json.dumps(line["resource"]) if line["kind"] == "mailbox" else None
        yield line["kind"], line["key"], fingerprint, document


def _require_empty(connection: Connection) -> None:
    (has_mailboxes,) = connection.execute(HAS_MAILBOXES).fetchone() or (True,)
    if has_mailboxes:
        raise Refused(
            "there are mailboxes here: a snapshot is no update, and would show again what was hidden since",
            "snapshot.not_empty",
        )


def _require_operators(connection: Connection, strangers: str) -> None:
    unknown = [operator for (operator,) in connection.execute(strangers.encode())]
    if unknown:
        raise Refused(
            f"operators that it names are not here: {', '.join(unknown[:5])}{' …' if unknown[5:] else ''}; import the "
            "white list first (annuaire import run), it makes them",
            "snapshot.operators",
        )


def _statements() -> dict[str, str]:
    text = (Path(__file__).parent / "from_snapshot.sql").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
    return {name: body.strip() for name, _, body in parts}
