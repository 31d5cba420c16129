"""One pass over a file: its counts, its rejected lines, and what every form of file offers to the engine."""

import csv
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple, Protocol

from app.imports.known import KnownLines, LineOrder
from app.imports.sources.description import Source

# So much of a rejected line is kept for people.
CONTENT = 500
# The number of the first line after the header.
FIRST_LINE = 2
# The quote of our COPY: no line of a file may hold it.
QUOTE = b"\x01"
# Rejects stay in memory up to this size, then on disk: a file may well be rejected line by line.
SPOOL = 1_048_576

Read = Callable[[int], bytes]


class BadLine(Exception):
    """This line cannot be used; the pass goes on. `column` is the label in the file's header, where one is at fault."""

    def __init__(self, code: str, detail: str, column: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.column = column


class LinesDiffer(Exception):
    """What is remembered of the last file does not help to read this one: it must be read from scratch."""


class Reject(NamedTuple):
    """A line that was not taken: physical line number (the header is line 1), column, stable code, sentence, text."""

    line: int
    column: str | None
    code: str
    detail: str
    content: str


class Reading:
    """Counts of one pass, without the header: `read` = lines handed over + `matched` + `rejected` + `blank`.

    `known`: the lines of the last file, read in `known_encoding`; each is taken when it is seen again (`matched`).
    `order`: the accepted lines of this one, where lines are kept.
    `warnings` counts what was taken although something is wrong with it. Close it: rejects may lie in a temporary file.
    """

    def __init__(self, known: KnownLines | None = None, known_encoding: str | None = None) -> None:
        self.known = known or KnownLines()
        self.order = LineOrder()
        self.known_encoding = known_encoding
        self.encoding: str | None = None
        self.matched = 0
        self.read = 0
        self.blank = 0
        self.rejected = 0
        self.warnings: Counter[str] = Counter()
        # Not in a with block: it lives as long as the reading, which closes it.
        self._spool: IO[str] = tempfile.SpooledTemporaryFile(SPOOL, "w+", encoding="utf-8", newline="")  # noqa: SIM115
        self._writer = csv.writer(self._spool)

    def reject(self, line: int, fault: BadLine, content: bytes) -> None:
        self.rejected += 1
        self.forget(line)
        shown = content[: CONTENT * 4].decode(errors="replace").replace("\0", "\ufffd")[:CONTENT]
        self._writer.writerow(Reject(line, fault.column, fault.code, fault.detail, shown))

    def pass_over(self, line: int) -> None:
        """This line is blank."""
        self.blank += 1
        self.forget(line)

    def forget(self, line: int) -> None:
        """Tomorrow this line is new again."""
        self.order.forget(line - FIRST_LINE)

    def rejects_csv(self, size: int) -> Iterator[str]:
        """The rejects so far as CSV text of five columns, in blocks of `size` characters."""
        self._spool.seek(0)
        while block := self._spool.read(size):
            yield block

    def close(self) -> None:
        self._spool.close()


class Layout(Protocol):
    """How one file is laid out: which source it is, which of our fields its rows carry, and how to read it."""

    @property
    def source(self) -> Source: ...

    @property
    def keeps_lines(self) -> bool:
        """Whether COPY text holds the digest of each line, so that tomorrow's file is read only where it differs."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns of the COPY text after the line number, and after the digest where lines are kept.

        A name with `#` is a column we do not know.
        """

    @property
    def labels(self) -> dict[str, str]:
        """The label that this file gives each of our fields: people look for it in the header."""

    @property
    def stamp(self) -> str | None:
        """Digits of the date that the content gives (YYYYMMDD…), where it gives one."""

    def copy_text(self, read: Read, reading: Reading) -> Iterator[bytes]:
        """COPY text (csv, `|`, quote 0x01), UTF-8, in blocks of whole rows. Raises FileRefused."""


def missing_fields(layout: Layout) -> frozenset[str]:
    """Our fields that this file has no column for: unknown, not empty."""
    return frozenset(column.field for column in layout.source.columns) - set(layout.fields)
