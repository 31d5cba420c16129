"""The files of a snapshot, written as they stream out of PostgreSQL: nothing of them is held in memory.

    directory.ndjson.zst                              every resource, a line each, as the feed shows it
    Extraction_Correspondance_MSSante_<stamp>.txt     the mailboxes of persons and structures in the national form
    Extraction_Correspondance_MSSante_<stamp>.zip     the same text, as the national site offers it
    SHA256SUMS                                        for `sha256sum -c`
    manifest.jws                                      the same and the root of the directory, signed

The national text: UTF-8 without BOM, LF, one header line, 31 columns between pipes, no quotes, no pipe at the end
(Extraction_Correspondance_MSSante as published in 2026).
"""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import psycopg
import zstandard

DIRECTORY = "directory.ndjson.zst"
EXTRACTION = "Extraction_Correspondance_MSSante"
SUMS, MANIFEST = "SHA256SUMS", "manifest.jws"
LEVEL = 3
BLOCK = 1 << 16
# csv with control characters gives the exact bytes, since neither text holds any: COPY's own form doubles backslashes.
RESOURCES = """
COPY (
  SELECT '{"sequence":' || p.sequence || ',"kind":"' || p.kind || '","key":' || to_json(p.key)
    || ',"operation":"put","resource":' || left(p.document, -1)
    || ',"fingerprint":"' || encode(p.fingerprint, 'hex') || '"}}'
  FROM publication p ORDER BY p.kind, p.key
) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
"""
LINES = """
COPY (
  SELECT line FROM extraction_lines()
  ORDER BY address COLLATE "C", practitioner COLLATE "C", organization COLLATE "C"
)
TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
"""
HEADER = (
    "Type de BAL|Adresse BAL|Type Identifiant PP|Identifiant PP|Identification nationale PP|Type identifiant structure|"
    "Identification Structure|Service de rattachement|Civilité d'exercice|Nom d'exercice|Prénom d'exercice|"
    "Catégorie profession|Libellé de catégorie profession|Code Profession|Libellé Profession|Code savoir-faire|"
    "Libellé savoir-faire|Dématérialisation|Raison Sociale structure BAL|Enseigne commerciale structure BAL|"
    "L2COMPLEMENTLOCALISATION structure BAL|L3COMPLEMENTDISTRIBUTION structure BAL|L4NUMEROVOIE structure BAL|"
    "L4COMPLEMENTNUMEROVOIE structure BAL|NL4TYPEVOIE structure BAL|L4LIBELLEVOIE structure BAL|"
    "L5LIEUDITMENTION structure BAL|L6LIGNEACHEMINEMENT structure BAL|Code postal structure BAL|"
    "Département structure BAL|Pays structure BAL"
)

Connection = psycopg.Connection[Any]


class File(NamedTuple):
    """A file of a snapshot."""

    file: str
    bytes: int
    sha256: str


@dataclass
class Sink(RawIOBase):
    """A file that is hashed while it is written."""

    name: str
    _file: IO[bytes]
    _written: int = 0

    def __post_init__(self) -> None:
        self._hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, block: Any, /) -> int:
        self._hash.update(block)
        self._written += len(block)
        return self._file.write(block)

    @property
    def result(self) -> File:
        return File(self.name, self._written, self._hash.hexdigest())


@contextmanager
def sink(folder: Path, name: str) -> Iterator[Sink]:
    """A new file in `folder`, on the disk when the block ends."""
    with (folder / name).open("xb", buffering=1 << 20) as file:
        yield Sink(name, file)
        file.flush()
        os.fsync(file.fileno())


def write_resources(connection: Connection, folder: Path) -> tuple[File, int]:
    """Every published resource as a line of JSON. Returns the file and how many there are."""
    count = 0
    with sink(folder, DIRECTORY) as out:
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with (
            compressor.stream_writer(cast(IO[bytes], out), closefd=False) as packed,
            connection.cursor() as cursor,
            cursor.copy(RESOURCES.encode()) as rows,
        ):
            for row in rows:
                packed.write(row)
                count += 1
    return out.result, count


def write_extraction(connection: Connection, folder: Path, at: datetime) -> list[File]:
    """The national text, plain and zipped, in one pass. `at`: the time of France that names it."""
    name = f"{EXTRACTION}_{at:%Y%m%d%H%M}"
    member = zipfile.ZipInfo(f"{name}.txt", (at.year, at.month, at.day, at.hour, at.minute, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    with (
        sink(folder, f"{name}.txt") as plain,
        sink(folder, f"{name}.zip") as packed,
        zipfile.ZipFile(packed, "w") as archive,
        archive.open(member, "w") as entry,
        connection.cursor() as cursor,
        cursor.copy(LINES.encode()) as rows,
    ):
        block = bytearray(f"{HEADER}\n".encode())
        for row in rows:
            block += row
            if len(block) >= BLOCK:
                plain.write(block)
                entry.write(block)
                block.clear()
        plain.write(block)
        entry.write(block)
    return [plain.result, packed.result]


def write_text(folder: Path, name: str, text: str) -> File:
    """A small file."""
    with sink(folder, name) as out:
        out.write(text.encode())
    return out.result
