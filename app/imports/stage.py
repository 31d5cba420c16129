"""Rows into the temporary table `stage` by raw COPY, and beside them the rejects of both judges, parser and source.

COPY is csv with a quote that no line holds: no character of a value means anything, and empty cells become NULL.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql
from psycopg.copy import LibpqWriter
from psycopg.generators import copy_to

from app.imports.reading import Layout, Reading, missing_fields

SEND = 131_072
DIALECT = sql.SQL("FORMAT csv, DELIMITER '|', QUOTE E'\\x01', ENCODING 'UTF8'")
TABLES = "stage, stage_missing, import_stage_reject"
COPY_REJECTS = 'COPY import_stage_reject (line, "column", code, detail, content) FROM STDIN (FORMAT csv, ENCODING utf8)'
COMPLETE = """
UPDATE import_stage_reject r SET content = left(array_to_string(ARRAY[{}], '|', ''), 500)
FROM stage s WHERE s.line = r.line
"""
Cursor = psycopg.Cursor[Any]


class FlushingWriter(LibpqWriter):
    """Back pressure: a block reaches the socket before the next one is taken.

    As shipped, psycopg lets libpq's buffer grow while we read faster than the server parses, and moves it at each call.
    """

    def write(self, data: Any) -> None:
        view = memoryview(data)
        for start in range(0, len(view), SEND):
            self.connection.wait(copy_to(self._pgconn, view[start : start + SEND], flush=True))


def stage(cursor: Cursor, layout: Layout, texts: Iterable[bytes]) -> None:
    """Make the tables that `sources.description` promises, and fill `stage` with these blocks of COPY text."""
    _make_tables(cursor, layout)
    names = sql.SQL(", ").join(map(sql.Identifier, ("line", *layout.fields)))
    statement = sql.SQL("COPY stage ({}) FROM STDIN ({})").format(names, DIALECT)
    with cursor.copy(statement, writer=FlushingWriter(cursor)) as copy:
        for text in texts:
            copy.write(text)


def settle_rejects(cursor: Cursor, layout: Layout, reading: Reading) -> int:
    """Run the source's own judgement, take its rejects out of `stage`, and add those of the parser.

    Returns how many lines were rejected in all; `import_stage_reject` then holds each with its text and, as "column",
    the label of the file.
    """
    if layout.source.reject:
        cursor.execute(layout.source.reject.encode())
        _complete(cursor, layout)
        cursor.execute("DELETE FROM stage s USING import_stage_reject r WHERE r.line = s.line")
    by_source = _count(cursor, "SELECT count(DISTINCT line) FROM import_stage_reject")
    if reading.rejected:
        with cursor.copy(COPY_REJECTS, writer=FlushingWriter(cursor)) as copy:
            for text in reading.rejects_csv(SEND):
                copy.write(text.encode())
    accepted = _count(cursor, "SELECT count(*) FROM stage")
    if reading.read != accepted + reading.blank + reading.rejected + by_source:
        raise AssertionError(f"{reading.read} lines read, but {accepted} accepted: this is a fault of annuaire itself")
    return reading.rejected + by_source


def drop_tables(cursor: Cursor) -> None:
    """Make room for the next file of this connection."""
    cursor.execute(f"DROP TABLE IF EXISTS {TABLES}".encode())


def _make_tables(cursor: Cursor, layout: Layout) -> None:
    ours = [column.field for column in layout.source.columns]
    unknown = [field for field in layout.fields if field not in ours]
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in (*ours, *unknown))
    drop_tables(cursor)
    cursor.execute(sql.SQL("CREATE TEMP TABLE stage (line integer, {})").format(columns))
    cursor.execute("CREATE TEMP TABLE stage_missing (field text)")
    cursor.execute(
        'CREATE TEMP TABLE import_stage_reject (line integer, "column" text, code text, detail text, content text)'
    )
    cursor.execute("INSERT INTO stage_missing SELECT unnest(%s::text[])", [sorted(missing_fields(layout))])


def _complete(cursor: Cursor, layout: Layout) -> None:
    """The source names fields of ours and no text: give people the label and the cells of their file."""
    cells = sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(field)) for field in layout.fields)
    cursor.execute(sql.SQL(COMPLETE).format(cells))
    labels = layout.labels
    cursor.execute(
        'UPDATE import_stage_reject r SET "column" = l.label FROM unnest(%s::text[], %s::text[]) AS l (field, label)'
        ' WHERE r."column" = l.field',
        [list(labels), list(labels.values())],
    )


def _count(cursor: Cursor, statement: str) -> int:
    row = cursor.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0
