"""The two forms of text files: a table with a header (`|`, no quotes), and FINESS etalab (`;`, CSV quotes)."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import methodcaller

from app.imports.header import Header
from app.imports.parse import Parser
from app.imports.reading import QUOTE, BadLine, Read, Reading
from app.imports.sources import finess
from app.imports.sources.description import Source
from app.imports.verdict import VERDICT, is_verdict

SEPARATOR = b"|"
SEPARATORS = methodcaller("count", SEPARATOR)
# Values become keys and words of searches. An entry of an index ends at 2 704 bytes, and our widest key holds four
# values. The longest value of the samples has 60 bytes.
MAX_VALUE = 600
FINESS_RECORD = "structureet"
FINESS_CELLS = len(finess.FIELD_NAMES)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}/[0-9]{2}/[0-9]{4}")


@dataclass(frozen=True)
class TableLayout:
    """A national table: one header line, the columns where that line puts them."""

    header: Header
    stamp: str | None = None

    @property
    def source(self) -> Source:
        return self.header.source

    @property
    def keeps_lines(self) -> bool:
        return self.source.lines_kept

    @property
    def fields(self) -> tuple[str, ...]:
        return self.header.fields

    @property
    def labels(self) -> dict[str, str]:
        return dict(zip(self.header.fields, self.header.labels, strict=True))

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        return Parser(self._row, self._column_at, reading, digests=self.keeps_lines, is_plain=self._is_plain).copy_text(
            read
        )

    def _row(self, line: bytes) -> bytes:
        expected = len(self.header.labels) - 1
        found = line.count(SEPARATOR)
        # Files of 2021-2025 end every line with a separator: one empty last cell.
        if found == expected + 1 and line.endswith(SEPARATOR):
            line = line[:-1]
        elif found != expected:
            raise BadLine("line.field_count", f"{found + 1} cells where the header has {expected + 1} columns")
        if len(line) > MAX_VALUE:
            cells = zip(self.header.fields, self.header.labels, line.split(SEPARATOR), strict=True)
            _require_short((label, cell) for field, label, cell in cells if not field.startswith("#"))
        return line

    def _is_plain(self, lines: list[bytes]) -> bool:
        return max(map(len, lines), default=0) <= MAX_VALUE and set(map(SEPARATORS, lines)) == {
            len(self.header.labels) - 1
        }

    def _column_at(self, line: bytes, position: int) -> str | None:
        index = line.count(SEPARATOR, 0, position)
        return self.header.labels[index] if index < len(self.header.labels) else None


@dataclass(frozen=True)
class FinessLayout:
    """The FINESS stock: a first line of its own, then rows of 31 cells; older copies hold `numuai` beside the dates."""

    stamp: str | None
    source: Source = finess.SOURCE
    keeps_lines: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(column.field for column in self.source.columns)

    @property
    def labels(self) -> dict[str, str]:
        return {column.field: column.labels[0] for column in self.source.columns}

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        names = [column.labels[0] for column in self.source.columns]
        taken = [finess.FIELD_NAMES.index(name) for name in names]

        def row(line: bytes) -> bytes:
            cells = _finess_cells(line)
            values = [cells[index].encode() for index in taken]
            if len(line) > MAX_VALUE:
                _require_short(zip(names, values, strict=True))
            # A row with a quoted cell is left alone by the parser, which trims cells.
            return SEPARATOR.join(
                _quoted(b" ".join(value.split())) if SEPARATOR in value else value for value in values
            )

        return Parser(row, self._column_at, reading, digests=True).copy_text(read)

    @staticmethod
    def _column_at(line: bytes, position: int) -> str | None:
        index = line.count(b";", 0, position)
        return finess.FIELD_NAMES[index] if index < FINESS_CELLS and b'"' not in line[:position] else None


def _finess_cells(line: bytes) -> list[str]:
    cells = _split(line.decode())
    if cells and cells[0] != FINESS_RECORD:
        raise BadLine(
            "line.record_type", f"a row of type {cells[0][:30]!r} where {FINESS_RECORD!r} is expected", "finess"
        )
    if len(cells) > FINESS_CELLS and cells[-1] == "":
        cells.pop()
    if len(cells) >= FINESS_CELLS + len(VERDICT) and is_verdict(cells):
        del cells[-len(VERDICT) :]
    if len(cells) == FINESS_CELLS + 1:
        # numuai stood before or after the three dates; the last of them, datemaj, is always there.
        del cells[-4 if DATE.fullmatch(cells[-1]) else -1]
    if len(cells) != FINESS_CELLS:
        raise BadLine("line.field_count", f"{len(cells)} cells where a row has {FINESS_CELLS}")
    return cells


def _split(text: str) -> list[str]:
    """The cells of one line: a quote never runs over the line end, so a lonely one costs its own line alone."""
    if '"' not in text:
        return text.split(";")
    try:
        return next(csv.reader([text], delimiter=";", strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise BadLine("line.quote", "a cell opens a quote that is not closed on this line") from error
    return next(csv.reader([text], delimiter=";"), [])


def _quoted(cell: bytes) -> bytes:
    return QUOTE + cell + QUOTE if SEPARATOR in cell else cell


def _require_short(named: Iterable[tuple[str, bytes]]) -> None:
    for label, value in named:
        if len(value) > MAX_VALUE:
            raise BadLine("value.too_long", f"{label} holds {len(value)} bytes, over {MAX_VALUE}", label)
