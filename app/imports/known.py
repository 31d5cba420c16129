"""The lines of the last applied file, as digests: today's file is read closely only where it differs (files.md §3).

A digest is BLAKE2b of the line's own bytes without its end, 64 bits: among the 2.3 million lines of the largest file a
changed line is taken for a known one once in some hundred million days. Copies count: a file that lost one of two equal
lines has lost a line.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import psycopg
from psycopg import sql

SIZE = 8
# A row of a binary COPY with one bigint: a count of fields, a length, the value; and the marks at both ends.
ROW = struct.Struct(">6x8s")
HEAD, TAIL = 19, 2


def digest(line: bytes) -> bytes:
    """The digest of one line, without its end."""
    return blake2b(line, digest_size=SIZE).digest()


def as_number(value: bytes) -> int:
    """The digest as PostgreSQL keeps it, a bigint."""
    return int.from_bytes(value, "big", signed=True)


class KnownLines:
    """Which lines of the last file have not been seen again yet. What is left at the end is gone."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._once: set[bytes] = set()
        self._more: Counter[bytes] = Counter()
        self.add(digests)

    def add(self, digests: Iterable[bytes]) -> None:
        batch = list(digests)
        fresh = set(batch)
        if len(fresh) == len(batch) and self._once.isdisjoint(fresh):
            self._once |= fresh
            return
        for value in batch:
            if value in self._once:
                self._more[value] += 1
            else:
                self._once.add(value)

    def __bool__(self) -> bool:
        return bool(self._once)

    def take(self, digests: Sequence[bytes]) -> list[int]:
        """The places of the lines that are not known; one copy of each of the others is taken."""
        batch = set(digests)
        if len(batch) < len(digests) or not self._more.keys().isdisjoint(batch):
            return [place for place, value in enumerate(digests) if not self._take_one(value)]
        unknown = batch - self._once
        self._once -= batch
        return [place for place, value in enumerate(digests) if value in unknown] if unknown else []

    def _take_one(self, value: bytes) -> bool:
        if self._more[value] > 0:
            self._more[value] -= 1
            return True
        if value in self._once:
            self._once.remove(value)
            return True
        return False

    def left(self) -> Iterable[int]:
        """The digests of the lines that were not seen again, as numbers, once for each lost copy."""
        yield from map(as_number, self._once)
        yield from map(as_number, self._more.elements())


def known_lines(cursor: psycopg.Cursor[tuple[object, ...]], table: sql.Composable) -> KnownLines:
    """The digests of the kept lines in `table`. One block of memory at a time."""
    known = KnownLines()
    statement = sql.SQL("COPY (SELECT digest FROM {}) TO STDOUT (FORMAT binary)").format(table)
    rest = b""
    first = True
    with cursor.copy(statement) as copy:
        for block in copy:
            data = rest + bytes(block)
            if first:
                data, first = data[HEAD:], False
            whole = len(data) // ROW.size * ROW.size
            known.add(value for (value,) in ROW.iter_unpack(data[:whole]))
            rest = data[whole:]
    return known
