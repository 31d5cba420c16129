"""Lines of a text file to COPY text, in one pass.

    block ──► clean? (UTF-8, no control character, no oversize line) ──► rows as they are
                │ no
                └─► line by line: control character, encoding, length ──► row or reject

The first line that is not ASCII decides the encoding of the whole file: UTF-8, else cp1252 (files before 2023). In a
UTF-8 file a line that is not UTF-8 is rejected; a cp1252 file that turns out to hold UTF-8 is refused, since a guess
would spoil either every accent before or every accent after.

Lines that the last file held, to the byte, were judged then: they are counted and passed over.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import accumulate, count

from app.imports.known import SIZE, as_number
from app.imports.lines import MAX_LINE, Block, blocks
from app.imports.reading import FIRST_LINE, QUOTE, BadLine, LinesDiffer, Read, Reading
from app.imports.refusal import FileRefused

BOM = b"\xef\xbb\xbf"
UTF_8, CP1252 = "utf-8", "cp1252"
# ASCII's control characters but tab and LF: NUL cannot be stored, 0x01 is the quote of our COPY, CR alone ends no line.
# Signs of spaces that mean nothing: doubled ones, and those at the edge of a cell or a line.
UNTIDY = (b"  ", b" |", b"| ", b" \n", b"\n ")
AROUND = re.compile(rb" *\| *")
SPACES = re.compile(rb" {2,}")
CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n")

# Turns one clean UTF-8 line into COPY text without line number and end. Raises BadLine.
Row = Callable[[bytes], bytes]
# The label of the column at this byte of a line, where there is one.
ColumnAt = Callable[[bytes, int], str | None]
# Whether each of these clean lines is COPY text as it stands.
IsPlain = Callable[[list[bytes]], bool]


class Parser:
    """One pass over one file, whose first line is a header and is not counted."""

    def __init__(
        self,
        row: Row,
        column_at: ColumnAt,
        reading: Reading,
        *,
        digests: bool = False,
        is_plain: IsPlain = lambda _: False,
    ) -> None:
        self._row = row
        self._is_plain = is_plain
        self._column_at = column_at
        self._reading = reading
        self._digests = digests
        self._encoding: str | None = None
        self._decided_at = 0

    def copy_text(self, read: Read) -> Iterator[bytes]:
        """COPY text, one block of rows for each block of lines. Raises FileRefused, LinesDiffer."""
        for block in blocks(read):
            if text := self._block(self._without_bom(block) if block.first == 1 else block):
                yield text
        self._reading.encoding = self._encoding
        if self._encoding == CP1252:
            self._reading.warnings["encoding.cp1252"] += 1

    def _without_bom(self, block: Block) -> Block:
        if not block.body.startswith(BOM):
            return block
        self._encoding, self._decided_at = UTF_8, 1
        return Block(1, [block.lines[0].removeprefix(BOM), *block.lines[1:]], block.body.removeprefix(BOM))

    def _block(self, block: Block) -> bytes:
        first, lines = block.first, block.lines
        if first == 1:
            self._header(lines[0])
            first, lines = FIRST_LINE, lines[1:]
        self._reading.read += len(lines)
        if self._reading.known_encoding and self._encoding is None and not block.body.isascii():
            self._decide(first, lines)
        numbered: Iterable[tuple[int, bytes]] = enumerate(lines, start=first)
        if not self._digests:
            return b"".join(self._rows(numbered, checked=not self._is_clean(block)))
        digests = [blake2b(line, digest_size=SIZE).digest() for line in lines]
        self._reading.order.add(digests)
        if self._reading.known:
            return self._unknown(first, lines, digests)
        if lines and self._is_clean(block) and self._is_plain(lines):
            numbers = struct.unpack(f">{len(digests)}q", b"".join(digests))
            return b"".join([b"%d|%d|%b\n" % row for row in zip(count(first), numbers, _tidied(lines))])
        return b"".join(self._rows(numbered, dict(zip(count(first), digests)), checked=not self._is_clean(block)))

    def _unknown(self, first: int, lines: list[bytes], digests: list[bytes]) -> bytes:
        places = self._reading.known.take(digests)
        self._reading.matched += len(lines) - len(places)
        if not places:
            return b""
        numbered = [(first + place, lines[place]) for place in places]
        by_line = {first + place: digests[place] for place in places}
        # Few lines: each is looked at, so that the block, which was judged when it came first, need not be.
        return b"".join(self._rows(numbered, by_line, checked=True))

    def _rows(
        self, numbered: Iterable[tuple[int, bytes]], digests: dict[int, bytes] | None = None, *, checked: bool
    ) -> Iterator[bytes]:
        reading = self._reading
        for number, line in numbered:
            if not line:
                reading.pass_over(number)
                continue
            try:
                row = self._row(self._text(number, line) if checked else line)
                row = _tidy(row) if b" " in row else row
            except BadLine as fault:
                if line.strip():
                    reading.reject(number, fault, line)
                else:
                    reading.pass_over(number)
                continue
            yield b"%d|%d|%b\n" % (number, as_number(digests[number]), row) if digests else b"%d|%b\n" % (number, row)

    def _decide(self, first: int, lines: list[bytes]) -> None:
        """Known lines were read in the encoding of their file: it must be the encoding of this one. Raises
        LinesDiffer.
        """
        found = ((number, line) for number, line in enumerate(lines, start=first) if not line.isascii())
        number, line = next(found, (0, b""))
        if not number:
            return
        self._encoding, self._decided_at = (UTF_8 if _fault(line) is None else CP1252), number
        self._require_known_encoding()

    def _require_known_encoding(self) -> None:
        known = self._reading.known_encoding
        if known and self._encoding and self._encoding != known:
            raise LinesDiffer(f"{self._encoding} from line {self._decided_at} on, where the last file was {known}")

    def _header(self, line: bytes) -> None:
        try:
            self._text(1, line)  # a header with accents decides the encoding
        except BadLine as fault:
            raise FileRefused(fault.code, f"line 1: {fault.detail}") from fault
        self._require_known_encoding()

    def _is_clean(self, block: Block) -> bool:
        body = block.body
        if len(body.translate(None, CONTROLS)) != len(body) or max(map(len, block.lines)) > MAX_LINE:
            return False
        if body.isascii():
            return True
        return self._encoding == UTF_8 and BOM not in body and _fault(body) is None

    def _text(self, number: int, line: bytes) -> bytes:
        """The line as UTF-8. Raises BadLine, FileRefused."""
        if len(line) > MAX_LINE:
            raise BadLine("line.too_long", f"the line is longer than {MAX_LINE} bytes: is a line end missing?")
        if len(line.translate(None, CONTROLS)) != len(line):
            position = next(position for position, code in enumerate(line) if code in CONTROLS)
            raise self._control(line, position, f"0x{line[position]:02X}")
        if line.isascii():
            return line
        if BOM in line:
            raise self._control(line, line.index(BOM), "U+FEFF")
        return self._decoded(number, line)

    def _control(self, line: bytes, position: int, name: str) -> BadLine:
        detail = f"byte {position + 1} of the line is the control character {name}: remove it"
        return BadLine("line.control_character", detail, self._column_at(line, position))

    def _decoded(self, number: int, line: bytes) -> bytes:
        fault = _fault(line)
        if self._encoding is None:
            self._encoding, self._decided_at = (UTF_8 if fault is None else CP1252), number
        if fault is None:
            if self._encoding == CP1252:
                raise FileRefused(
                    "encoding.mixed",
                    f"line {self._decided_at} is not UTF-8 and line {number} is: the file mixes two encodings. "
                    "Take it again from its publisher, or convert it to UTF-8.",
                )
            return line
        if self._encoding == UTF_8:
            raise self._undecodable(line, fault, "UTF-8, as the rest of the file is")
        try:
            return line.decode(CP1252).encode()
        except UnicodeDecodeError as error:
            raise self._undecodable(line, error.start, "cp1252, as the rest of the file is") from error

    def _undecodable(self, line: bytes, position: int, expected: str) -> BadLine:
        detail = f"byte {position + 1} of the line (0x{line[position]:02X}) is not {expected}"
        return BadLine("line.encoding", detail, self._column_at(line, position))


def _tidied(lines: list[bytes]) -> list[bytes]:
    """The lines with single spaces, none of them around a cell. The block is searched as one: few lines hold any
    other.
    """
    body = b"\n%b\n" % b"\n".join(lines)
    found = [sign for sign in UNTIDY if sign in body]
    if not found:
        return lines
    tidied = list(lines)
    ends = list(accumulate(len(line) + 1 for line in lines))
    for sign in found:
        at = body.find(sign)
        while at >= 0:
            # The text begins with a line end of its own, so that a sign before a line belongs to that line.
            index = min(bisect_right(ends, at - (sign[:1] != b"\n")), len(lines) - 1)
            tidied[index] = _tidy(tidied[index])
            at = body.find(sign, ends[index] + 1 - len(sign) + 1) if ends[index] > at else body.find(sign, at + 1)
    return tidied


def _tidy(row: bytes) -> bytes:
    """The row with single spaces, none of them around a cell. A quoted cell, which only our COPY knows, stays as it
    is.
    """
    if QUOTE in row:
        return row
    return AROUND.sub(b"|", SPACES.sub(b" ", row)).strip(b" ")


def _fault(text: bytes) -> int | None:
    """The first byte that is not UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
