"""The lines of the last applied file, as digests: today's file is read closely only where it differs (files.md §3).

A digest is BLAKE2b of the line's own bytes without its end, 64 bits: among the 2.3 million lines of the largest file a
changed line is taken for a known one once in some hundred million days. Copies count: a file that lost one of two equal
lines has lost a line.

The digests stand in the order of the file, 8 bytes each, and so do most lines of the next one: both are read side by
side, and only those near the place are held as objects. A line that moved farther counts as gone and come, which costs
its comparison and changes nothing.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import psycopg
from psycopg import sql

SIZE = 8
# Stands at the place of a line that was blank or rejected: nothing of it is known.
NOTHING = bytes(SIZE)
STEP = 4096
AHEAD = STEP
# When a part of the file was cut out, its rest is looked for so many lines further, no more: they take 60 MB.
FARTHEST = 500_000
# A row of a binary COPY with one bigint: a count of fields, a length, the value; and the marks at both ends.
ROW = struct.Struct(">6x8s")
HEAD = 19


def digest(line: bytes) -> bytes:
    """The digest of one line, without its end."""
    return blake2b(line, digest_size=SIZE).digest()


def as_number(value: bytes) -> int:
    """The digest as PostgreSQL keeps it, a bigint."""
    return int.from_bytes(value, "big", signed=True)


class LineOrder:
    """The digests of a file's lines in their order, as it is read: what tomorrow's file is compared with."""

    def __init__(self) -> None:
        self._digests = bytearray()

    def add(self, digests: Sequence[bytes]) -> None:
        self._digests += b"".join(digests)

    def forget(self, place: int) -> None:
        """The line at this place, counted from 0, is not among those that were accepted."""
        if place * SIZE < len(self._digests):
            self._digests[place * SIZE : (place + 1) * SIZE] = NOTHING

    def __bytes__(self) -> bytes:
        return bytes(self._digests)


class KnownLines:
    """Which lines of the last file have not been seen again yet. What is left at the end is gone.

    `order`: the digests of that file (`LineOrder`).
    """

    def __init__(self, order: bytes = b"") -> None:
        self._order = order
        # So many lines of the last file are held or taken, and so many of today's were asked.
        self._loaded = 0
        self._asked = 0
        # How many lines of the last file were passed over, because today's lacks them: its place is so far ahead.
        self._passed = 0
        self._once: set[bytes] = set()
        self._more: Counter[bytes] = Counter()

    def __bool__(self) -> bool:
        return bool(self._order)

    def take(self, digests: Sequence[bytes]) -> list[int]:
        """The places of the lines that are not known; one copy of each of the others is taken."""
        self._asked += len(digests)
        self._load_until(self._asked + self._passed + AHEAD)
        unknown = self._take(digests)
        if not self._are_elsewhere(unknown, digests):
            return unknown
        # A part of the file was cut out, the rest lies further on.
        while self._are_elsewhere(unknown, digests) and self._has_more and self._loaded < self._asked + FARTHEST:
            self._load()
            asked = unknown
            unknown = [asked[place] for place in self._take([digests[place] for place in asked])]
        if not self._are_elsewhere(unknown, digests):
            # Found: from here on as far ahead of this place as before, or each step would end within a block.
            self._passed = max(self._passed, self._loaded - AHEAD - self._asked)
        return unknown

    def left(self) -> Iterator[int]:
        """The digests of the lines that were not seen again, as numbers, once for each lost copy."""
        yield from map(as_number, self._once)
        yield from map(as_number, self._more.elements())
        for start in range(self._loaded * SIZE, len(self._order), SIZE):
            value = self._order[start : start + SIZE]
            if value != NOTHING:
                yield as_number(value)

    @staticmethod
    def _are_elsewhere(unknown: Sequence[int], digests: Sequence[bytes]) -> bool:
        """Whether most of these lines are not where they should be."""
        return len(unknown) * 2 > len(digests)

    @property
    def _has_more(self) -> bool:
        return self._loaded * SIZE < len(self._order)

    def _load_until(self, line: int) -> None:
        while self._loaded < line and self._has_more:
            self._load()

    def _load(self) -> None:
        block = self._order[self._loaded * SIZE : (self._loaded + STEP) * SIZE]
        self._loaded += len(block) // SIZE
        batch = [block[at : at + SIZE] for at in range(0, len(block), SIZE)]
        fresh = set(batch)
        if len(fresh) == len(batch) and NOTHING not in fresh and self._once.isdisjoint(fresh):
            self._once |= fresh
            return
        for value in batch:
            if value in self._once:
                self._more[value] += 1
            elif value != NOTHING:
                self._once.add(value)

    def _take(self, digests: Sequence[bytes]) -> list[int]:
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


def order_of_lines(cursor: psycopg.Cursor[tuple[object, ...]], table: sql.Composable) -> bytes:
    """The digests of the kept lines in `table` by their line numbers, for want of the order of their file."""
    statement = sql.SQL("COPY (SELECT digest FROM {} ORDER BY line) TO STDOUT (FORMAT binary)").format(table)
    order = bytearray()
    rest = b""
    skip = HEAD
    with cursor.copy(statement) as copy:
        for block in copy:
            data = rest + bytes(block)[skip:]
            skip = 0
            whole = len(data) // ROW.size * ROW.size
            order += b"".join(value for (value,) in ROW.iter_unpack(data[:whole]))
            rest = data[whole:]
    return bytes(order)
