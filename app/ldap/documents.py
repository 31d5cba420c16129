"""What the exporter reads of PostgreSQL: mailbox documents of the publication, and which of them changed."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

from app.ldap.entries import Document

CHANGES_SQL = (Path(__file__).parent / "changes.sql").read_text(encoding="utf-8")
CURRENT_SQL = """
SELECT a.key, p.document FROM unnest(%s::text[]) AS a (key)
LEFT JOIN LATERAL (SELECT x.document FROM publication x WHERE x.kind = 'mailbox' AND x.key = a.key LIMIT 1) p ON true
"""
STREAM_PORTION = 2_000

# Addresses to their documents; None = not published.
Documents: TypeAlias = dict[str, Document | None]


@dataclass(frozen=True, slots=True)
class Changes:
    """Where the directory stands, and the mailboxes to write so that a tree goes from its cursor to `until`.

    `oldest` is the first change that the log still holds.
    """

    edition: int
    epoch: str
    oldest: int
    until: int
    documents: Documents


@contextmanager
def snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Everything read within comes from one moment; inside another snapshot, from that one's."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        yield
        return
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def changes_after(connection: psycopg.Connection[Any], after: int, portion: int) -> Changes:
    """The next changes after edition `after`, at most `portion` of mailboxes; from one snapshot."""
    rows = connection.execute(CHANGES_SQL, {"after": after, "portion": portion}).fetchall()
    if not rows:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    edition, epoch, oldest, until = rows[0][:4]
    return Changes(edition, epoch, oldest, until, {key: _parsed(text) for *_, key, text in rows if key is not None})


def current(connection: psycopg.Connection[Any], addresses: Sequence[str]) -> Documents:
    """The documents of these addresses."""
    rows = connection.execute(CURRENT_SQL, (list(addresses),))
    return {key: _parsed(text) for key, text in rows}


def stream(connection: psycopg.Connection[Any]) -> Iterator[Document]:
    """Every mailbox document, without holding them in memory. Inside a snapshot."""
    for (text,) in _streamed(connection, "SELECT document FROM publication WHERE kind = 'mailbox'"):
        yield json.loads(text)


def addresses(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Every published address. Inside a snapshot."""
    for (key,) in _streamed(connection, "SELECT key FROM publication WHERE kind = 'mailbox'"):
        yield key


def sequences(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Every published address, and the change that it was last written by. Inside a snapshot."""
    return dict(_streamed(connection, "SELECT key, sequence FROM publication WHERE kind = 'mailbox'"))


def _streamed(connection: psycopg.Connection[Any], statement: LiteralString) -> Iterator[tuple[Any, ...]]:
    with connection.cursor("mailboxes") as cursor:
        cursor.itersize = STREAM_PORTION
        cursor.execute(statement)
        yield from cursor


def _parsed(text: str | None) -> Document | None:
    return None if text is None else json.loads(text)
