"""The report of a publication: the network's own lines, each with its number, a code, and what became of it.

    every line, FILE.report.csv          lines that were left out, FILE.rejects.csv
    header of the input                | report_line | report_code          | report_message
    the line as it was                 | 17          | member.name_differs  | Ce numéro est … / 99900000060 is …

Either may be corrected and handed in again as it is: the three columns mean nothing to the next reading.
"""

import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from app.console import Refused
from app.members.columns import REPORT, Header
from app.members.left_out import LeftOut
from app.members.reading import MemberFile, Row, joined, split
from app.members.sentences import DONE, bilingual

BOM = "\ufeff"
LONGEST_MESSAGE = 500


class Verdict(NamedTuple):
    """What became of a line: one of the codes of DONE, or why it was left out."""

    code: str
    detail: str | None = None

    @property
    def is_done(self) -> bool:
        return self.code in DONE

    @property
    def message(self) -> str:
        return " ".join(bilingual(self.code, self.detail).split())[:LONGEST_MESSAGE]


class Report:
    """Both files, open for writing (`with`); they name people, so they are their owner's alone.

    `codes` counts the lines by code. The file of left-out lines is there at the end only if there are any.
    """

    def __init__(self, file: MemberFile, every: Path, left_out: Path) -> None:
        """Raises Refused: a report would overwrite the file that it tells of, or the other one."""
        if len({path.resolve() for path in (file.path, every, left_out)}) < 3:  # noqa: PLR2004 - three files
            raise Refused("give the two reports names of their own, other than the file's", "members.out")
        self.every, self.left_out = every, left_out
        self.codes: Counter[str] = Counter()
        self._header = file.header

    def __enter__(self) -> Self:
        self._files = [_created(path) for path in (self.every, self.left_out)]
        head = joined([*self._header.labels[: self._header.own], *REPORT], self._header.delimiter)
        for file in self._files:
            # A spreadsheet reads UTF-8 only where this mark says so.
            file.write(f"{BOM}{head}\r\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()
        if not self.rejected:
            self.left_out.unlink()

    @property
    def rejected(self) -> int:
        return sum(count for code, count in self.codes.items() if code not in DONE)

    @property
    def lines(self) -> int:
        return self.codes.total()

    def write(self, row: Row, verdict: Verdict) -> None:
        """Tell what became of a line."""
        self.codes[verdict.code] += 1
        line = _judged(self._header, row, verdict)
        every, left_out = self._files
        every.write(line)
        if not verdict.is_done:
            left_out.write(line)


def _judged(header: Header, row: Row, verdict: Verdict) -> str:
    told = (str(row.number), verdict.code, verdict.message)
    try:
        cells = split(row.text, header.delimiter)
    except LeftOut:
        # What has no cells stays as it is.
        return f"{row.text}{header.delimiter}{joined(told, header.delimiter)}\r\n"
    own = (cells + [""] * header.own)[: header.own]
    return joined([*own, *told], header.delimiter) + "\r\n"


def _created(path: Path) -> IO[str]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}; give another place", "members.out") from error
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
