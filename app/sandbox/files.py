"""Where the generated files go, how they are named, and how they are written.

A file is written beside its place and moved there when whole, so that a run cut short leaves no half file to import.
"""

import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, cast

# Never the clock: the same seed must give the same bytes tomorrow.
FIRST_STAMP = datetime(2026, 9, 23, 2, 0)  # noqa: DTZ001 - stamps of the national files are Paris local time without zone
ACTIVITY = "PS_LibreAcces_Personne_activite"
SKILLS = "PS_LibreAcces_SavoirFaire"
DIPLOMAS = "PS_LibreAcces_Dipl_AutExerc"
MAILBOXES = "Extraction_Correspondance_MSSante"
FINESS = "etalab-cs1100502"
FINESS_PLUS = "finess-structures-journalier"
WHITELIST = "listeblanchemssante"

_BUFFER_LINES = 2_000


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """One finished file; `rows` counts data lines (white list: `<Domaine>` entries), never the header."""

    path: Path
    rows: int


def stamp_of(*, next_day: bool) -> datetime:
    return FIRST_STAMP + timedelta(days=1) if next_day else FIRST_STAMP


@cache
def data_lines(name: str, package: str = "app.sandbox") -> tuple[str, ...]:
    """The lines of a data file shipped with a package."""
    return tuple((files(package) / "data" / name).read_text("utf-8").splitlines())


@cache
def data_table(name: str, package: str = "app.sandbox") -> tuple[dict[str, str], ...]:
    """The rows of a shipped tab-separated file, by the names of its first line."""
    header, *rows = (line.split("\t") for line in data_lines(name, package))
    return tuple(dict(zip(header, row, strict=True)) for row in rows)


class LineFile:
    """A text file under construction: UTF-8, LF, rows counted; compressed when its name ends with `.gz`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._pending: list[str] = []
        self._part = path.with_name(path.name + ".part")
        self._open = ExitStack()
        self._stream = self._text()

    def head(self, line: str) -> None:
        """A line that is no row: header or markup."""
        self._pending.append(line)

    def row(self, line: str) -> None:
        self.rows += 1
        self._pending.append(line)
        if len(self._pending) >= _BUFFER_LINES:
            self._flush()

    def finish(self) -> GeneratedFile:
        self._flush()
        self._open.close()
        self._part.replace(self.path)
        return GeneratedFile(self.path, self.rows)

    def abandon(self) -> None:
        self._open.close()
        self._part.unlink(missing_ok=True)

    def _text(self) -> IO[str]:
        raw = self._open.enter_context(self._part.open("wb"))
        if self.path.suffix == ".gz":
            # Without name and time, which would be other bytes each day.
            compressed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
            raw = cast("io.BufferedWriter", self._open.enter_context(compressed))
        return self._open.enter_context(io.TextIOWrapper(raw, encoding="utf-8", newline="\n"))

    def _flush(self) -> None:
        if self._pending:
            self._stream.write("\n".join(self._pending) + "\n")
            self._pending.clear()


@contextmanager
def line_file(path: Path) -> Iterator[LineFile]:
    """A file that is finished by its user, and leaves nothing behind when the block fails."""
    out = LineFile(path)
    try:
        yield out
    except BaseException:
        out.abandon()
        raise
