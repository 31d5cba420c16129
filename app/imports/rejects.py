"""Files of rejected lines, in the shape of the file that was read: correct it, and hand it in again.

    header of the input     | reject_line | reject_code | reject_message
    a rejected line         | 17          | type.unknown | Le type de boîte … / type XYZ is not one of …

What has lines of cells keeps them as they were, in UTF-8; whatever cannot be decoded shows as U+FFFD. The stock of
FINESS has no labels, so its first line stays as it is. JSON, XML and workbooks give a table of line, code, message and
content. Readers of such files pass over the three columns: see `verdict`.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import psycopg

from app.console import Refused
from app.imports.changes import safe_cell
from app.imports.code_tables import CodeTable
from app.imports.delta import DeltaLayout
from app.imports.layouts import FINESS_CELLS, FinessLayout, TableLayout
from app.imports.lines import blocks
from app.imports.parse import UTF_8
from app.imports.reading import Layout
from app.imports.receive import Text
from app.imports.sentences import bilingual
from app.imports.verdict import CODE, VERDICT

Connection = psycopg.Connection[Any]
TABLE, PLAIN = ".csv", ".txt"
MESSAGE = 500
ROWS = 1_000
CONTROLS = re.compile("[\x00-\x1f\x7f]+")
LINES = "SELECT DISTINCT ON (line) line, code, detail FROM import_stage_reject ORDER BY line"
WHOLE = "SELECT line, code, detail, content FROM import_stage_reject ORDER BY line"


class Reject(NamedTuple):
    """Why a line was not taken: its physical number, stable code, English sentence."""

    line: int
    code: str
    detail: str

    @property
    def message(self) -> str:
        return CONTROLS.sub(" ", bilingual(self.code, self.detail))[:MESSAGE]


@dataclass(frozen=True)
class Shape:
    """How the lines of a file stand: `head` lines come before the rows, the last of them with labels where `labelled`.

    `width`: cells of a row. `quotes`: whether a cell may stand between quotes. `judged`: whether the file is one of
    rejected lines itself, whose last columns are replaced.
    """

    separator: str
    width: int
    head: int = 1
    quotes: bool = False
    labelled: bool = True
    judged: bool = False

    @property
    def suffix(self) -> str:
        return TABLE if self.quotes else PLAIN

    def header(self, lines: list[str]) -> list[str]:
        """The lines before the rows, with the names of our columns at the end of the last one."""
        if not self.labelled:
            return lines
        labels = lines[-1].rstrip(f"{self.separator} ").split(self.separator)
        own = labels[: -len(VERDICT)] if self.judged else labels
        return [*lines[:-1], self.separator.join([*own, *VERDICT])]

    def row(self, line: str, reject: Reject) -> str:
        """The line as it was, and what is wrong with it."""
        own = self._without_verdict(line) if self.judged else line
        while own.endswith(self.separator) and self._count(own) > self.width:
            own = own.removesuffix(self.separator)
        return self.separator.join([own, *map(self._cell, (str(reject.line), reject.code, reject.message))])

    def _without_verdict(self, line: str) -> str:
        mark = re.escape(self.separator)
        message = f'(?:"(?:[^"]|"")*"|[^{mark}"]*)' if self.quotes else f"[^{mark}]*"
        return re.sub(rf'{mark}"?[0-9]+"?{mark}"?(?:{CODE.pattern})"?{mark}{message}{mark}*$', "", line)

    def _count(self, line: str) -> int:
        try:
            quoted = csv.reader([line], delimiter=self.separator) if self.quotes and '"' in line else None
            return len(next(quoted, [])) if quoted else line.count(self.separator) + 1
        except csv.Error:  # what made the line a reject may well be that
            return 0

    def _cell(self, value: str) -> str:
        if not self.quotes:
            return value.replace(self.separator, " ")
        out = io.StringIO()
        csv.writer(out, delimiter=self.separator, lineterminator="").writerow([value])
        return out.getvalue()


def shape_of(layout: Layout) -> Shape | None:
    """The shape of a file whose lines are rows of cells; None for every other file."""
    if isinstance(layout, TableLayout):
        return _labelled("|", layout.header.labels)
    if isinstance(layout, DeltaLayout) and layout.delimiter:
        return replace(_labelled(layout.delimiter, layout.header.labels), quotes=True)
    if isinstance(layout, FinessLayout):
        return Shape(";", FINESS_CELLS, quotes=True, labelled=False, judged=True)
    if isinstance(layout, CodeTable):
        return replace(_labelled(layout.separator, layout.all_labels), head=layout.head)
    return None


def _labelled(separator: str, labels: Sequence[str]) -> Shape:
    judged = tuple(label.strip() for label in labels[-len(VERDICT) :]) == VERDICT
    return Shape(separator, len(labels) - (len(VERDICT) if judged else 0), judged=judged)


def write_rejects(
    connection: Connection, run: str, folder: Path, text: Text, layout: Layout, encoding: str | None
) -> Path:
    """Write what `import_stage_reject` names to a file of `folder` that bears the name of the run. Raises Refused.

    The file is its owner's alone: lines name people, and those of the white list hold contacts that are not public.
    """
    shape = shape_of(layout)
    path = folder / f"{run}{shape.suffix if shape else TABLE}"
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        with path.open("w", encoding=UTF_8, newline="") as file:
            if shape:
                _write_lines(file, shape, text, encoding or UTF_8, map(Reject._make, _rows(connection, LINES)))
            else:
                _write_table(file, _rows(connection, WHOLE))
    except OSError as error:
        raise Refused(
            f"cannot write the rejected lines to {path}: {error.strerror}; give another folder with --rejects",
            "import.rejects",
        ) from error
    return path


def file_of(run: str, *folders: Path) -> Path | None:
    """The file of rejected lines of a run, where one of these folders has it."""
    paths = (folder / f"{run}{suffix}" for folder in folders for suffix in (PLAIN, TABLE))
    return next((path for path in paths if path.is_file()), None)


def _rows(connection: Connection, statement: str) -> Iterator[tuple[Any, ...]]:
    # A cursor of the server: all lines of a national file may have been rejected.
    with connection.cursor(name="rejects") as cursor:
        cursor.itersize = ROWS
        yield from cursor.execute(statement)


def _write_lines(file: IO[str], shape: Shape, text: Text, encoding: str, rejects: Iterable[Reject]) -> None:
    """Read the text a second time, for the lines that were rejected."""
    end = "\r\n" if text.head().partition(b"\n")[0].endswith(b"\r") else "\n"
    with text.open() as opened:
        found = blocks(opened.read)
        block = next(found)
        head = block.lines[: shape.head]
        while len(head) < shape.head:
            block = next(found)
            head += block.lines[: shape.head - len(head)]
        file.writelines(line + end for line in shape.header([line.decode(encoding, "replace") for line in head]))
        for reject in rejects:
            while reject.line >= block.first + len(block.lines):
                block = next(found)
            line = block.lines[reject.line - block.first].decode(encoding, "replace")
            file.write(shape.row(line, reject) + end)


def _write_table(file: IO[str], rejects: Iterable[tuple[Any, ...]]) -> None:
    writer = csv.writer(file)
    writer.writerow(("line", "code", "message", "content"))
    for line, code, detail, content in rejects:
        writer.writerow((line, code, safe_cell(Reject(line, code, detail).message), safe_cell(content)))
