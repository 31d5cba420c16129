"""An admin's file (delta) as rows of its source: CSV with `;` `,` `|` or tab, or the first sheet of a workbook.

A value is never guessed: a number that may have lost its zeros, a date, or a text that a spreadsheet would run as a
formula costs its line. Lines of empty cells are blank, and those below the last line cost nothing.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.imports.cells import MAX_VALUE, copy_row, require_plain, shown, tidied
from app.imports.delta_form import ANSWERS, KIND, NUMBERS, OPERATION, TEXTS
from app.imports.header import Header, normalised
from app.imports.lines import blocks
from app.imports.parse import Parser
from app.imports.reading import BadLine, Read, Reading
from app.imports.refusal import FileRefused
from app.imports.sources.description import Source
from app.imports.spreadsheet import Row, rows
from app.imports.verdict import VERDICT

DELIMITERS = ";,|\t"
EMPTY_ROW = re.compile(rb'^[ \t;,|"]+(?=\r?$)', re.MULTILINE)
# What spreadsheets make of an RPPS: 1,00E+10.
SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
FORMULA = re.compile("[\\s\u00a0\u202f]*[=+@-]")
EMPTIED = "-"
# Cells that are no text, by the word of `xlsx_rows`, and what to say of them.
FAULTS = {
    "number": "a number, which may have lost its zeros: give the column the format text and write it again",
    "date": "a date: give the column the format text and write what is meant",
    "boolean": "a truth value: write a text",
}


def delimiter_of(line: str) -> str | None:
    """What separates the labels of a delta's header line; None when the line is no such header."""
    for delimiter in DELIMITERS:
        # A quote that is not closed: a line of some other file.
        with suppress(BadLine):
            if {OPERATION, KIND} <= {_plain(label) for label in _split(line, delimiter)}:
                return delimiter
    return None


def delta_header(labels: Iterable[str], source: Source) -> Header:
    """The header with these labels. Raises FileRefused: one that is unknown, stands twice, or is wanting."""
    known = {label: column.field for column in source.columns for label in column.labels}
    printed = [label.strip() for label in labels]
    while printed and not printed[-1]:
        printed.pop()
    fields = []
    for position, label in enumerate(printed, start=1):
        field = f"#{label}" if label in VERDICT else known.get(_plain(label))
        if field is None:
            raise FileRefused(
                "header.column_unknown",
                f"line 1: column {position} is {label[:60]!r}, which no form has: correct it, or take the column out. "
                "annuaire import template writes the right header.",
            )
        if field in fields:
            raise FileRefused("header.duplicate", f"line 1: the column {label!r} stands twice: leave one.")
        fields.append(field)
    for column in source.columns:
        if column.required and column.field not in fields:
            raise FileRefused("header.column_missing", f"line 1: the column {column.field!r} is not there.")
    return Header(source, tuple(printed), tuple(fields))


def sheet_header(read: Read, source: Source) -> Header | None:
    """The header in the first row of a workbook, or None when that row is no delta's. Raises FileRefused."""
    first = next(rows(read), None)
    labels = [cell if isinstance(cell, str) else "" for cell in first.cells] if first else []
    if not {OPERATION, KIND} <= {_plain(label) for label in labels}:
        return None
    return delta_header(labels, source)


@dataclass(frozen=True)
class DeltaLayout:
    """`delimiter` of a text, None for a workbook."""

    header: Header
    delimiter: str | None
    stamp: str | None = None
    keeps_lines: bool = False

    @property
    def source(self) -> Source:
        return self.header.source

    @property
    def fields(self) -> tuple[str, ...]:
        return self.header.fields

    @property
    def labels(self) -> dict[str, str]:
        return dict(zip(self.header.fields, self.header.labels, strict=True))

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        if self.delimiter is None:
            return self.sheet_text(rows(read), reading)
        return Parser(self._row, self._column_at, reading).copy_text(_without_empty_rows(read))

    def sheet_text(self, found: Iterator[Row], reading: Reading) -> Iterator[bytes]:
        """COPY text of these rows of a workbook, whose first one is the header."""
        last = getattr(next(found, None), "number", 1)
        for number, cells in found:
            # Rows without a cell do not come, those between two rows are blank lines.
            reading.read += number - last
            reading.blank += number - last - 1
            last = number
            try:
                yield copy_row(number, self._values(cells)).encode()
            except BadLine as fault:
                reading.reject(number, fault, shown(map(_shown, cells)))

    def _row(self, line: bytes) -> bytes:
        # The line number is the parser's.
        return copy_row(0, self._values(_split(line.decode(), self.delimiter or ";"))).encode()[2:-1]

    def _values(self, cells: list[Any]) -> list[str]:
        """One text for each column. Raises BadLine."""
        width = len(self.fields)
        if len(cells) < width or any(cell != "" for cell in cells[width:]):
            # A spreadsheet leaves cells out at the end of a row; a text does not.
            if self.delimiter is not None or len(cells) > width:
                raise BadLine("line.field_count", f"{len(cells)} cells where the header has {width} columns")
            cells = [*cells, *[""] * (width - len(cells))]
        named = zip(self.fields, self.header.labels, cells[:width], strict=True)
        values = [_value(field, label, cell) for field, label, cell in named]
        require_plain(zip(self.header.labels, values, strict=True))
        return values

    def _column_at(self, line: bytes, position: int) -> str | None:
        if b'"' in line[:position] or self.delimiter is None:
            return None
        index = line.count(self.delimiter.encode(), 0, position)
        return self.header.labels[index] if index < len(self.header.labels) else None


def _value(field: str, label: str, cell: object) -> str:
    """The text of one cell. Raises BadLine."""
    if field.startswith("#"):
        return ""
    if isinstance(cell, dict):
        kind, text = next(iter(cell.items()))
        if kind == "long":
            raise BadLine("value.too_long", f"{label} holds {text} characters, over {MAX_VALUE} bytes", label)
        if not ((kind == "number" and field in NUMBERS) or (kind == "boolean" and field in ANSWERS)):
            raise BadLine("cell.kind", f"{label}: {str(text)[:40]} is {FAULTS[kind]}", label)
        return str(text)
    text = tidied(str(cell))
    if SCIENTIFIC.fullmatch(text) and field not in TEXTS:
        raise BadLine("cell.kind", f"{label}: {text[:40]} is {FAULTS['number']}", label)
    if field in TEXTS and text != EMPTIED and FORMULA.match(text):
        raise BadLine("value.formula", f"{label} begins as a formula does ({text[:20]!r}): write it as a text", label)
    return text


def _split(line: str, delimiter: str) -> list[str]:
    """The cells of one line: a quote never runs over the line end, so a lonely one costs its own line alone."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        pass
    if line.count('"') % 2:
        raise BadLine("line.quote", "a cell opens a quote that is not closed on this line")
    return next(csv.reader([line], delimiter=delimiter), [])


def _without_empty_rows(read: Read) -> Read:
    """The same text; lines of nothing but delimiters become empty ones, which count as blank."""
    waiting = bytearray()
    lines = blocks(read)

    def emptied(size: int) -> bytes:
        while len(waiting) < size and (block := next(lines, None)):
            waiting.extend(EMPTY_ROW.sub(b"", block.body) + b"\n")
        text = bytes(waiting[:size])
        del waiting[:size]
        return text

    return emptied


def _plain(label: str) -> str:
    return normalised(label.strip().lstrip("\ufeff"))


def _shown(cell: object) -> str:
    return str(next(iter(cell.values()))) if isinstance(cell, dict) else str(cell)
