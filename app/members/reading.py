"""A network's file of members: CSV, a line each, read twice and never held.

The first reading looks at it whole: its bytes, its header, how many lines it has, and in which domains. So a file that
cannot be read publishes nobody.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, NamedTuple

from app.console import Refused
from app.members.columns import ADDRESS, Header, header_of
from app.members.left_out import LeftOut

UTF_8, LATIN = "utf-8", "cp1252"
LONGEST_LINE = 16_384
BLOCK = 1 << 18
# What an accented letter is in UTF-8; in the older encoding these two stand beside one another in no name.
ACCENTED = re.compile(rb"\xc3[\x80-\xbf]")


class Row(NamedTuple):
    """One line that is not blank: its physical number (the header is line 1) and its text without the end."""

    number: int
    text: str


@dataclass(frozen=True)
class MemberFile:
    """A file whose first reading went well. `lines`: those that are not blank, without the header."""

    path: Path
    encoding: str
    header: Header
    lines: int
    domains: frozenset[str]

    def rows(self) -> Iterator[Row]:
        """Every line that is not blank, in order."""
        with self.path.open("rb") as file:
            yield from _rows(file, self.encoding)

    def cells(self, row: Row) -> dict[str, str]:
        """The cells by field. Raises LeftOut: a line that is not of the header's form."""
        return _cells(self.header, row.text)


def opened(path: Path, passed_over: Sequence[str] = ()) -> MemberFile:
    """Read a file the first time. Raises Refused: it cannot be read, is empty, or has no header of ours."""
    encoding = _encoding(path)
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE).decode(encoding, "replace").lstrip("\ufeff").strip()
        if not first:
            raise Refused(f"{path} is empty, or its first line is: it names the columns", "members.file")
        header = header_of(first, passed_over)
        file.seek(0)
        lines, domains = 0, set()
        for row in _rows(file, encoding):
            lines += 1
            try:
                domains.add(_cells(header, row.text)[ADDRESS].lower().partition("@")[2])
            except LeftOut:
                continue
    return MemberFile(path, encoding, header, lines, frozenset(domains))


def joined(cells: Sequence[str], delimiter: str) -> str:
    """Cells as one line of CSV, without its end."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(cells)
    return out.getvalue()


def split(text: str, delimiter: str) -> list[str]:
    """The cells of one line. Raises LeftOut: a quote that is not closed; none runs over the end of a line."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise LeftOut("line.quote", "a quote stands where none may, or is not closed on its line") from None


def _cells(header: Header, text: str) -> dict[str, str]:
    if len(text) > LONGEST_LINE:
        raise LeftOut("line.too_long", f"the line is longer than {LONGEST_LINE} bytes")
    if "\ufffd" in text:
        raise LeftOut("line.encoding", "some letters are not of the encoding of the file")
    cells = split(text, header.delimiter)
    # A spreadsheet adds empty cells at the end of a row, or leaves them out.
    while len(cells) > len(header.fields) and not cells[-1]:
        cells.pop()
    if len(cells) > len(header.fields) or len(cells) < header.own:
        raise LeftOut("line.field_count", f"{len(cells)} cells where the header has {len(header.fields)} columns")
    tidied = [" ".join(cell.split()) for cell in cells]
    if not "".join(tidied).isprintable():
        raise LeftOut("line.control_character", "a cell holds a control character")
    return {field: cell for field, cell in zip_longest(header.fields, tidied, fillvalue="") if field}


def _rows(file: IO[bytes], encoding: str) -> Iterator[Row]:
    number = 0
    while raw := file.readline(LONGEST_LINE + 2):
        number += 1
        rest = raw
        while not rest.endswith(b"\n") and (rest := file.readline(LONGEST_LINE)):
            pass
        text = raw.decode(encoding, "replace").rstrip("\r\n")
        if number > 1 and text.strip(" \t;,|"):
            yield Row(number, text)


def _encoding(path: Path) -> str:
    """UTF-8 where the whole file is that, else what older spreadsheets write. Raises Refused: no text, or a mixture."""
    decoder = codecs.getincrementaldecoder(UTF_8)()
    is_accented, encoding = False, UTF_8
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                if b"\0" in block:
                    raise Refused(f"{path} is no text: save it as CSV in UTF-8", "members.file")
                is_accented = is_accented or ACCENTED.search(block) is not None
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    decoder, encoding = codecs.getincrementaldecoder(UTF_8)("ignore"), LATIN
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}", "members.file") from error
    if encoding == LATIN and is_accented:
        raise Refused(f"{path} mixes two encodings: save it again as CSV in UTF-8", "members.file")
    return encoding
