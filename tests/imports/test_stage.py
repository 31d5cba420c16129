"""Staging: raw COPY of any text, and back pressure, so that the importer stays small however large the file."""

import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.imports.header import Header
from app.imports.layouts import TableLayout
from app.imports.reading import Reading
from app.imports.refusal import FileRefused
from app.imports.sources.description import Column, Entity, Source
from app.imports.stage import AHEAD, ahead, settle_rejects, stage
from app.imports.workspace import Workspace

SOURCE = Source(
    name="letters",
    rank=1,
    columns=(Column("a", ("a",)), Column("b", ("b",)), Column("d", ("d",))),
    entities=(Entity("letter", "lower(a)"),),
    reject="""
      INSERT INTO import_stage_reject (line, "column", code, detail)
      SELECT line, 'b', 'b.no', 'no' FROM stage WHERE b = 'no'
    """,
    state="",
    targets=(),
    counted="letter",
)
TABLE = TableLayout(Header(SOURCE, ("B", "Extra", "A"), ("b", "#2", "a")))
NUMBERS = itertools.count(1)
CLIENT = """
import resource, sys, psycopg
from app.imports.stage import stage
from app.imports.workspace import Workspace
from tests.imports.test_stage import TABLE, many
with psycopg.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    Workspace(1).create(cursor, TABLE)
    stage(cursor, TABLE, many(1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stage(cursor, TABLE, many(120))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def many(megabytes: int) -> Iterator[bytes]:
    """COPY text of about so many MiB."""
    block = b"".join(b"%d|%d|%s|%d|%s\n" % (line, line, b"b" * 100, line, b"a" * 100) for line in range(4_800))
    return iter([block] * megabytes)


def staged(database: Any, content: bytes) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], int]:
    chunks = iter([content, b""])
    reading = Reading()
    with database.connect().cursor() as cursor:
        Workspace(next(NUMBERS)).create(cursor, TABLE)
        stage(cursor, TABLE, TABLE.copy_text(lambda _: next(chunks), reading))
        rejected = settle_rejects(cursor, TABLE, reading)
        reading.close()
        rows = cursor.execute("SELECT line, a, b, d FROM stage ORDER BY line").fetchall()
        rejects = cursor.execute(
            'SELECT line, "column", code, content FROM import_stage_reject ORDER BY line'
        ).fetchall()
    return rows, rejects, rejected


def test_empty_cells_and_missing_columns_are_null(database: Any) -> None:
    rows, rejects, rejected = staged(database, b"B|Extra|A\nb|x|a\n|x|\n")
    assert rows == [(2, "a", "b", None), (3, None, None, None)]
    assert (rejects, rejected) == ([], 0)


def test_rejects_of_the_parser_and_of_the_source_stand_side_by_side(database: Any) -> None:
    rows, rejects, rejected = staged(database, b"B|Extra|A\nno||a\nb|a\nb|x|a\n")
    assert rows == [(4, "a", "b", None)]
    assert rejects == [(2, "B", "b.no", "no||a"), (3, None, "line.field_count", "b|a")]
    assert rejected == 2


@given(
    st.lists(
        st.text(st.characters(exclude_characters="|\r\n", exclude_categories=["Cs", "Cc"]), max_size=20), max_size=20
    )
)
@example([" ", "  a  b ", "a", "\u00a0 x", "\u00a0"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_arrives_as_it_was_but_for_spaces_that_mean_nothing(database: Any, cells: list[str]) -> None:
    cells = [cell for cell in cells if "\ufeff" not in cell]
    rows, _, _ = staged(database, "\n".join(["B|Extra|A", *(f"b||{cell}" for cell in cells)]).encode())
    assert [row[1] for row in rows] == [re.sub(" {2,}", " ", cell).strip(" ") or None for cell in cells]


def test_the_client_stays_small_while_it_sends_much(database: Any) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, database.dsn],
        cwd=root,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16 * 1024, f"{done.stdout} KiB more for 120 MiB"


def test_blocks_made_ahead_come_in_their_order() -> None:
    assert list(ahead(str(number).encode() for number in range(100))) == [str(number).encode() for number in range(100)]


def test_what_the_maker_of_blocks_raises_is_raised_where_they_are_taken() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise FileRefused("archive.damaged", "cut")

    taken = ahead(broken())
    assert next(taken) == b"one"
    with pytest.raises(FileRefused, match="cut"):
        next(taken)


def test_whoever_stops_taking_blocks_stops_their_maker() -> None:
    made = itertools.count()
    taken = ahead(b"%d" % number for number in made)
    next(taken)
    taken.close()  # type: ignore[attr-defined]  # it is a generator
    assert next(made) <= AHEAD + 3
    assert "reader" not in {thread.name for thread in threading.enumerate()}
