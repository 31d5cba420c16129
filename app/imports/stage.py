"""Lines into the table `stage` by raw COPY, and beside them the rejects of both judges, parser and source.

COPY is csv with a quote that no line holds: no character of a value means anything, and empty cells become NULL.
"""

import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.copy import LibpqWriter
from psycopg.generators import copy_to

from app.imports.reading import Layout, Reading
from app.imports.workspace import count

SEND = 262_144
AHEAD = 8
LINES = 10_000
TURN_SECONDS = 0.0005
# Frozen: the table is of this transaction, so that no later reader has to write down that its rows are committed.
DIALECT = sql.SQL("FORMAT csv, DELIMITER '|', QUOTE E'\\x01', ENCODING 'UTF8', FREEZE")
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


def ahead(texts: Iterable[bytes]) -> Iterator[bytes]:
    """The same blocks, made by a thread of their own while PostgreSQL takes the ones before: both cores work.

    At most AHEAD blocks wait. What the maker raises is raised here; whoever stops early stops the maker.
    """
    # The taker waits for the socket most of the time: as long as it waits its turn of Python too, PostgreSQL idles.
    turns = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    blocks: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
    stop = threading.Event()

    def put(item: bytes | BaseException | None) -> None:
        while not stop.is_set():
            try:
                blocks.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for text in texts:
                put(text)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the blocks are taken
            put(error)

    maker = threading.Thread(target=make, name="reader", daemon=True)
    maker.start()
    try:
        while (item := blocks.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        maker.join()
        sys.setswitchinterval(turns)


def stage(cursor: Cursor, layout: Layout, texts: Iterable[bytes]) -> None:
    """Fill `stage` with these blocks of COPY text."""
    digest = ("digest",) if layout.keeps_lines else ()
    names = sql.SQL(", ").join(map(sql.Identifier, ("line", *digest, *layout.fields)))
    statement = sql.SQL("COPY stage ({}) FROM STDIN ({})").format(names, DIALECT)
    with cursor.copy(statement, writer=FlushingWriter(cursor)) as copy:
        for text in texts:
            copy.write(text)


def stage_gone(cursor: Cursor, reading: Reading) -> None:
    """Name in `gone_digest` the lines of the last file that this one does not hold."""
    with cursor.copy("COPY gone_digest FROM STDIN", writer=FlushingWriter(cursor)) as copy:
        block: list[str] = []
        for number in reading.known.left():
            block.append(f"{number}\n")
            if len(block) == LINES:
                copy.write("".join(block).encode())
                block.clear()
        copy.write("".join(block).encode())


def keep_order(cursor: Cursor, reading: Reading) -> None:
    """Write down the order of the accepted lines: after `settle_rejects`."""
    cursor.execute("INSERT INTO line_order VALUES (%b)", [bytes(reading.order)])


def settle_rejects(cursor: Cursor, layout: Layout, reading: Reading) -> int:
    """Run the source's own judgement, take its rejects out of `stage`, and add those of the parser.

    Returns how many lines were rejected in all; `import_stage_reject` then holds each with its text and, as "column",
    the label of the file.
    """
    if layout.source.reject:
        cursor.execute(layout.source.reject.encode())
        _complete(cursor, layout)
        cursor.execute("DELETE FROM stage s USING import_stage_reject r WHERE r.line = s.line")
    lines = cursor.execute("SELECT DISTINCT line FROM import_stage_reject").fetchall()
    for (line,) in lines:
        reading.forget(line)
    by_source = len(lines)
    if reading.rejected:
        with cursor.copy(COPY_REJECTS, writer=FlushingWriter(cursor)) as copy:
            for text in reading.rejects_csv(SEND):
                copy.write(text.encode())
    staged = count(cursor, "SELECT count(*) FROM stage")
    if reading.read != staged + reading.matched + reading.blank + reading.rejected + by_source:
        raise AssertionError(f"{reading.read} lines read, but {staged} accepted: this is a fault of annuaire itself")
    return reading.rejected + by_source


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
