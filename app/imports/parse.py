"""Lines of a text file to COPY text, in one pass.

    block ──► clean? (UTF-8, no control character, no oversize line) ──► rows as they are
                │ no
                └─► line by line: control character, encoding, length ──► row or reject

The first line that is not ASCII decides the encoding of the whole file: UTF-8, else cp1252 (files before 2023). In a
UTF-8 file a line that is not UTF-8 is rejected; a cp1252 file that turns out to hold UTF-8 is refused, since a guess
would spoil either every accent before or every accent after.
"""

from collections.abc import Callable, Iterator

from app.imports.lines import MAX_LINE, Block, blocks
from app.imports.reading import BadLine, Read, Reading
from app.imports.refusal import FileRefused

BOM = b"\xef\xbb\xbf"
UTF_8, CP1252 = "utf-8", "cp1252"
# ASCII's control characters but tab and LF: NUL cannot be stored, 0x01 is the quote of our COPY, CR alone ends no line.
CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n")

# Turns one clean UTF-8 line into COPY text without line number and end. Raises BadLine.
Row = Callable[[bytes], bytes]
# The label of the column at this byte of a line, where there is one.
ColumnAt = Callable[[bytes, int], str | None]


class Parser:
    """One pass over one file, whose first line is a header and is not counted."""

    def __init__(self, row: Row, column_at: ColumnAt, reading: Reading) -> None:
        self._row = row
        self._column_at = column_at
        self._reading = reading
        self._encoding: str | None = None
        self._decided_at = 0

    def copy_text(self, read: Read) -> Iterator[bytes]:
        """COPY text, one block of rows for each block of lines. Raises FileRefused."""
        for block in blocks(read):
            if text := self._block(self._without_bom(block) if block.first == 1 else block):
                yield text
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
            first, lines = 2, lines[1:]
        self._reading.read += len(lines)
        checked = not self._is_clean(block)
        rows: list[bytes] = []
        for number, line in enumerate(lines, start=first):
            if not line:
                self._reading.blank += 1
                continue
            try:
                rows.append(b"%d|%b\n" % (number, self._row(self._text(number, line) if checked else line)))
            except BadLine as fault:
                if line.strip():
                    self._reading.reject(number, fault, line)
                else:
                    self._reading.blank += 1
        return b"".join(rows)

    def _header(self, line: bytes) -> None:
        try:
            self._text(1, line)  # a header with accents decides the encoding
        except BadLine as fault:
            raise FileRefused(fault.code, f"line 1: {fault.detail}") from fault

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


def _fault(text: bytes) -> int | None:
    """The first byte that is not UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
