"""A file as it was handed in: its hash, and the texts inside it. Names decide nothing, nothing is unpacked to disk.

The first bytes tell plain text, gzip and zip. Limits are counted while inflating, since what an archive says of its own
size may be a lie; a checksum that fails at the end of the text is found before anything of it is applied.
"""

import errno
import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.imports.refusal import FileRefused

BLOCK = 1_048_576
HEAD = 131_072
MAX_MEMBERS = 100
# National text compresses 4 to 30 times, a bomb over 1 000 times. Small files need no such judgement.
MAX_RATIO = 200
UNJUDGED = 64 * 1_048_576
# The largest national file is under 1 GB.
MAX_INFLATED = 8 * 1_073_741_824
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
EMPTY_ZIP = b"PK\x05\x06"
# A workbook is a zip that is read as a whole; the two parts that each one has.
XLSX = b"XLSX"
WORKBOOK = {"[Content_Types].xml", "xl/workbook.xml"}
STAMP = re.compile(r"[_-]([0-9]{12})(?![0-9])")
# NotImplementedError: a zip of a later standard; ValueError: names or offsets that cannot be.
DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, ValueError)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Inflated:
    """Reads one text and counts what comes out. Raises FileRefused: damaged archive, or more than its limits."""

    def __init__(self, raw: Readable, name: str, limit: int | None) -> None:
        self._raw = raw
        self._name = name
        self._limit = limit
        self._count = 0

    def read(self, size: int) -> bytes:
        try:
            data = self._raw.read(size)
        except DAMAGED as error:
            raise _damaged(self._name, error) from error
        self._count += len(data)
        if self._limit is not None and self._count > self._limit:
            raise FileRefused(
                "archive.too_large",
                f"{self._name} inflates to more than {self._limit} bytes, over {MAX_RATIO} times its size or over the "
                "limit: not a national file. Unpack and look at it, or hand in the text itself.",
            )
        return data


@dataclass(frozen=True)
class Text:
    """One text of a received file: the file itself, what a gzip holds, or one member of a zip."""

    path: Path
    sha256: str
    form: bytes = b""
    member: str | None = None
    size: int | None = None
    compressed: int = 0

    @property
    def name(self) -> str:
        return self.path.name if self.member is None else f"{self.path.name}: {self.member}"

    @property
    def stamp(self) -> str | None:
        """YYYYMMDDhhmm of the name, as publishers write it (Paris time, assumed)."""
        found = STAMP.search(self.member or "") or STAMP.search(self.path.name)
        return found[1] if found else None

    @contextmanager
    def open(self) -> Iterator[Inflated]:
        with ExitStack() as stack:
            yield Inflated(self._raw(stack), self.name, self._limit)

    def head(self) -> bytes:
        """The first bytes, at most HEAD of them. Raises FileRefused."""
        with self.open() as text:
            return text.read(HEAD)

    def _raw(self, stack: ExitStack) -> Readable:
        if self.form == GZIP:
            return stack.enter_context(gzip.open(self.path))
        if self.form == ZIP and self.member is not None:
            try:
                return stack.enter_context(stack.enter_context(zipfile.ZipFile(self.path)).open(self.member))
            except DAMAGED as error:
                raise _damaged(self.name, error) from error
            except OSError as error:
                # A spoiled offset may lie before the file.
                if error.errno != errno.EINVAL:
                    raise
                raise _damaged(self.name, error) from error
        return stack.enter_context(self.path.open("rb"))

    @property
    def _limit(self) -> int | None:
        return min(MAX_INFLATED, max(UNJUDGED, self.compressed * MAX_RATIO)) if self.form in {GZIP, ZIP} else None


def receive(path: Path) -> list[Text]:
    """The texts in this file. Raises FileRefused: a damaged archive, or one with nothing to read; OSError."""
    with path.open("rb") as file:
        magic = file.read(4)
    size = path.stat().st_size
    if magic == EMPTY_ZIP:
        raise FileRefused("archive.empty", f"{path.name} is a zip without any file.")
    if magic == ZIP:
        return _members(path, sha256(path))
    if magic.startswith(GZIP):
        return [Text(path, sha256(path), GZIP, compressed=size)]
    return [Text(path, sha256(path), size=size)]


def sha256(path: Path) -> str:
    """Hash of the file as handed in, in hexadecimal; read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _members(path: Path, digest: str) -> list[Text]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    except DAMAGED as error:
        raise _damaged(path.name, error) from error
    if {member.filename for member in members} >= WORKBOOK:
        return [Text(path, digest, XLSX, size=path.stat().st_size)]
    if not members or len(members) > MAX_MEMBERS:
        raise FileRefused("archive.members", f"{path.name} holds {len(members)} files: expected 1 to {MAX_MEMBERS}.")
    for member in members:
        _require_readable(path, member)
    return [Text(path, digest, ZIP, member.filename, member.file_size, member.compress_size) for member in members]


def _require_readable(path: Path, member: zipfile.ZipInfo) -> None:
    if not member.filename:
        raise FileRefused("archive.members", f"{path.name} holds a file without a name: pack it again.")
    # bz2 and LZMA inflate one small block to any size before it can be counted.
    if member.flag_bits & 0x1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FileRefused(
            "archive.method",
            f"{path.name}: {member.filename} is encrypted or compressed in a way that is not read here: hand in plain "
            "text, gzip, or an ordinary zip.",
        )


def _damaged(name: str, error: BaseException) -> FileRefused:
    detail = str(error).rstrip(".") or type(error).__name__
    return FileRefused(
        "archive.damaged", f"{name} is cut short or damaged ({detail}): take it again from its publisher."
    )
