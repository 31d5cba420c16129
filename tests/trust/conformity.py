"""Conformity files for tests: days are counted from the day of the database, so that no test grows old."""

from typing import Any

import psycopg

KINDS = ("contract", "commitment", "hosting")
# First and last day of a document, in days from today, by what it then is.
SPANS = {"in_force": (-30, 300), "last_day": (-30, 0), "expired": (-300, -1), "future": (1, 300)}

Connection = psycopg.Connection[Any]


def a_candidate(connection: Connection, operator: str = "C0000001") -> str:
    """An operator that an administrator added: its file is empty. Returns its id."""
    connection.execute(
        "INSERT INTO operator (id, name, state, source) VALUES (%s, 'RÉSEAU ESSAI', 'candidate', 'admin')", [operator]
    )
    return operator


def a_document(connection: Connection, operator: str, kind: str, span: str) -> None:
    """One document of the file, that is today what `span` says."""
    first, last = SPANS[span]
    connection.execute(
        "INSERT INTO conformity_document (operator, kind, reference, starts_on, expires_on, recorded_by)"
        " VALUES (%s, %s, 'REF', french_today() + %s, french_today() + %s, 'test')",
        [operator, kind, first, last],
    )


def a_complete_file(connection: Connection, operator: str) -> None:
    for kind in KINDS:
        a_document(connection, operator, kind, "in_force")


def faults(connection: Connection, operator: str | None) -> list[tuple[str, str]]:
    """What publishing_fault() says: (code, sentence)."""
    return connection.execute("SELECT code, detail FROM publishing_fault(%s)", [operator]).fetchall()
