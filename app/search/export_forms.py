"""The two forms of an export: NDJSON, exact and for programs; CSV, flat and for spreadsheets.

Either ends with one line that says whether it is whole. Without that line it is not: something broke on the way.
"""

import csv
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from app.search.export_cells import cell
from app.search.export_columns import COLUMNS

BYTE_ORDER_MARK = "\ufeff"
# As spreadsheets in French open it by a double click.
DELIMITER = ";"
WHOLE, CUT = "#end", "#cut"


class End(NamedTuple):
    """How an export ended: `cut` says why before everything was out, `next` is the cursor to go on from."""

    items: int
    edition: int
    cut: str | None = None
    next: str | None = None


class Form(Protocol):
    """How rows are written. `head` and `tail` are texts like those of rows."""

    media_type: str
    suffix: str

    def head(self) -> str: ...

    def row(self, document: str, match: str | None) -> str: ...

    def tail(self, end: End) -> str: ...


class Ndjson:
    """One document a line, as the lists show it."""

    media_type = "application/x-ndjson"
    suffix = "ndjson"

    def head(self) -> str:
        return ""

    def row(self, document: str, match: str | None) -> str:
        return f"{document}\n" if match is None else f"{document[:-1]}{_match_member(match)}"

    def tail(self, end: End) -> str:
        told: dict[str, Any] = {"end": end.cut is None, "items": end.items, "edition": end.edition}
        if end.cut is not None:
            told |= {"cut": end.cut, "next": end.next}
        return json.dumps(told, separators=(",", ":")) + "\n"


class Csv:
    """One line a resource: RFC 4180 with semicolons, UTF-8 with a byte order mark, no formulas."""

    media_type = "text/csv; charset=utf-8; header=present"
    suffix = "csv"

    def __init__(self, kind: str, *, has_match: bool) -> None:
        self._names, self._of = COLUMNS[kind]
        self._has_match = has_match
        self._line: Callable[[list[str]], str] = csv.writer(_Echo(), delimiter=DELIMITER).writerow

    def head(self) -> str:
        return BYTE_ORDER_MARK + self._line([*self._names, *(["match"] if self._has_match else [])])

    def row(self, document: str, match: str | None) -> str:
        cells = ["" if value is None else cell(value) for value in self._of(json.loads(document))]
        if self._has_match:
            cells.append(cell(match))
        return self._line(cells)

    def tail(self, end: End) -> str:
        told = [WHOLE, f"items={end.items}", f"edition={end.edition}"]
        if end.cut is not None:
            told = [CUT, *told[1:], f"reason={end.cut}", f"next={end.next}"]
        return self._line(told + [""] * (len(self._names) + self._has_match - len(told)))


class _Echo:
    """A file for csv.writer, whose `writerow` gives back what `write` gives."""

    def write(self, line: str) -> str:
        return line


@lru_cache(16)
def _match_member(match: str) -> str:
    return f',"match":{json.dumps(match)}}}\n'
