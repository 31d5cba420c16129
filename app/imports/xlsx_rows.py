"""The rows of a workbook's first sheet, read in a process of its own that may not take much.

`python -m app.imports.xlsx_rows` takes the workbook on stdin and writes one JSON line for each row that holds
something: `[number, [cell, …]]`. A cell is a text, or `{"number": text}`, `{"date": text}`, `{"boolean": text}`,
`{"long": length}`. The last line is `{"end": n}`, or `{"refused": [code, sentence]}`: without one the process hit one
of its limits.
"""

import io
import json
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any
from xml.parsers import expat

from app.imports.refusal import FileRefused

MEMORY = 1_073_741_824
SECONDS = 60
# As handed in. What admins write by hand is far smaller.
MAX_SIZE = 64 * 1_048_576
MAX_ENTRIES = 100
MAX_INFLATED = 2 * 1_073_741_824
# A sheet of a million empty rows is small, and compresses well over any ratio: it is not judged.
MAX_RATIO, UNJUDGED = 100, 64 * 1_048_576
MAX_CELL = 4_096
MAX_COLUMNS = 500
BLOCK = 1_048_576
DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError, OSError)


def main() -> int:
    """Limit this process, then write the rows. Returns the exit code: 0 also when the workbook is refused."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        content = sys.stdin.buffer.read(MAX_SIZE + 1)
        require_harmless(content)
        last = 0
        for number, cells in rows_of(content):
            last = number
            _write([number, cells])
        _write({"end": last})
    except FileRefused as refused:
        _write({"refused": [refused.code, refused.detail]})
    sys.stdout.flush()
    return 0


def require_harmless(content: bytes) -> None:
    """Inflate every part once, counting and keeping nothing. Raises FileRefused."""
    if len(content) > MAX_SIZE:
        raise FileRefused("xlsx.too_large", f"the workbook is larger than {MAX_SIZE} bytes: hand in CSV instead.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise FileRefused("xlsx.too_large", f"the workbook has {len(entries)} parts, over {MAX_ENTRIES}.")
            if any(entry.filename.lower().endswith("vbaproject.bin") for entry in entries):
                raise FileRefused("xlsx.macro", "the workbook holds macros: save it as .xlsx without them.")
            total = 0
            for entry in entries:
                total = _inflate(archive, entry, total, len(content))
    except DAMAGED as error:
        detail = str(error).rstrip(".") or type(error).__name__
        raise FileRefused("xlsx.damaged", f"the workbook is cut short or damaged ({detail}): save it again.") from error


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, total: int, size: int) -> int:
    if entry.flag_bits & 0x1 or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FileRefused("xlsx.damaged", f"{entry.filename} is encrypted or compressed in an unknown way.")
    judge = _Judge(entry.filename)
    with archive.open(entry) as part:
        while block := part.read(BLOCK):
            total += len(block)
            if total > MAX_INFLATED or (total > UNJUDGED and total > size * MAX_RATIO):
                raise FileRefused("xlsx.too_large", f"the workbook inflates to over {total} bytes, from {size}.")
            judge.feed(block)
    judge.feed(b"", is_last=True)
    return total


class _Judge:
    """Whether a part is whole XML that refers to nothing outside; other parts pass. Raises FileRefused."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parser = expat.ParserCreate() if name.lower().endswith((".xml", ".rels")) else None
        if self._parser:
            self._parser.StartDoctypeDeclHandler = self._doctype
            if name == "[Content_Types].xml":
                self._parser.StartElementHandler = self._kind

    def feed(self, block: bytes, *, is_last: bool = False) -> None:
        if self._parser is None:
            return
        try:
            self._parser.Parse(block, is_last)
        except (expat.ExpatError, LookupError, ValueError) as error:
            # The latter two are Python's, which expat asks of an encoding that it does not know.
            raise FileRefused(
                "xlsx.damaged", f"{self._name} of the workbook is not XML ({error}): save it again."
            ) from error

    def _doctype(self, *_: object) -> None:
        raise FileRefused("xlsx.forbidden", f"{self._name} of the workbook holds a DTD: not read.")

    def _kind(self, _: str, attributes: dict[str, str]) -> None:
        if "macroEnabled" in attributes.get("ContentType", ""):
            raise FileRefused("xlsx.macro", "the workbook is of a kind with macros: save it as .xlsx.")


def rows_of(content: bytes) -> Iterator[tuple[int, list[Any]]]:
    """(number, cells) of each row that holds something, from 1. Raises FileRefused."""
    import python_calamine as calamine  # noqa: PLC0415 - only after the limits are set

    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [each.name for each in workbook.sheets_metadata if each.typ == calamine.SheetTypeEnum.WorkSheet]
        if not sheets:
            raise FileRefused("xlsx.damaged", "the workbook has no sheet with cells.")
        sheet = workbook.get_sheet_by_name(sheets[0])
        if sheet.start is None:
            return
        if sheet.total_width > MAX_COLUMNS:
            raise FileRefused(
                "header.too_wide", f"the first sheet has {sheet.total_width} columns, over {MAX_COLUMNS}."
            )
        # calamine gives the empty rows above the first cell, not the empty columns before it.
        before = [""] * sheet.start[1]
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if any(value != "" for value in row):
                yield number, before + [_cell(value) for value in row]
    except (calamine.CalamineError, ValueError) as error:
        raise FileRefused("xlsx.damaged", f"the workbook cannot be read ({error}): save it again.") from error


def _cell(value: object) -> object:
    if isinstance(value, str):
        return value if len(value.encode(errors="replace")) <= MAX_CELL else {"long": len(value)}
    if isinstance(value, bool):
        return {"boolean": "true" if value else "false"}
    if isinstance(value, int | float):
        return {"number": str(int(value)) if float(value).is_integer() else str(value)}
    if isinstance(value, date | time | timedelta):
        return {"date": str(value)}
    return {"number": str(value)}


def _write(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
