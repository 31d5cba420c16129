"""The tree of the digest: one hash that proves that two copies of the directory are equal at an edition.

    root                  SHA-256 of the 256 node hashes
    ├── node 0 … 255      SHA-256 of its 256 slot hashes
    │   └── slot          SHA-256 of its rows in order of (kind, key), each `kind/key`, a zero byte, the fingerprint

The slot of a row is given by the first two bytes of SHA-256(`kind/key`); an empty slot hashes the empty string. So the
root depends on the content alone, not on history, and a holder of a copy can descend to the one slot that differs.
Pure functions: how the directory itself comes to its tree stands in app.publication.digest.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Self

FAN = 256
SLOTS = FAN * FAN
HASH_BYTES = 32
EMPTY_LEAF = sha256(b"").digest()

Row = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class Tree:
    """The hashes of all slots, node by node, and those of the nodes."""

    segments: tuple[bytes, ...]
    nodes: tuple[bytes, ...]

    @classmethod
    def of(cls, leaves: bytes) -> Self:
        """The tree over the hashes of the slots 0 to 65 535, one behind the other. Raises ValueError."""
        if len(leaves) != SLOTS * HASH_BYTES:
            raise ValueError(f"a tree has {SLOTS * HASH_BYTES} bytes of leaves, not {len(leaves)}")
        width = FAN * HASH_BYTES
        segments = tuple(leaves[first : first + width] for first in range(0, len(leaves), width))
        return cls(segments, tuple(sha256(segment).digest() for segment in segments))

    @classmethod
    def over(cls, hashes: Mapping[int, bytes]) -> Self:
        """The tree of these slots; the others are empty."""
        return cls.of(b"".join(hashes.get(slot, EMPTY_LEAF) for slot in range(SLOTS)))

    def changed(self, hashes: Mapping[int, bytes]) -> Self:
        """The same tree but for these slots."""
        segments, nodes = list(self.segments), list(self.nodes)
        for node, slots in groupby(sorted(hashes), lambda slot: slot // FAN):
            segment = bytearray(segments[node])
            for slot in slots:
                first = slot % FAN * HASH_BYTES
                segment[first : first + HASH_BYTES] = hashes[slot]
            segments[node] = bytes(segment)
            nodes[node] = sha256(segments[node]).digest()
        return type(self)(tuple(segments), tuple(nodes))

    @property
    def root(self) -> str:
        return sha256(b"".join(self.nodes)).hexdigest()

    @property
    def leaves(self) -> bytes:
        return b"".join(self.segments)

    def slots_of(self, node: int) -> list[bytes]:
        """The hashes of the 256 slots below a node."""
        segment = self.segments[node]
        return [segment[first : first + HASH_BYTES] for first in range(0, len(segment), HASH_BYTES)]


EMPTY_TREE = Tree.over({})


def slot_of(kind: str, key: str) -> int:
    """The place of a resource among the leaves."""
    return int.from_bytes(sha256(f"{kind}/{key}".encode()).digest()[:2], "big")


def leaf_of(rows: Iterable[Row]) -> bytes:
    """The hash of a slot that holds these rows, in any order."""
    named = sorted((f"{kind}/{key}".encode(), fingerprint) for kind, key, fingerprint in rows)
    return sha256(b"".join(name + b"\0" + fingerprint for name, fingerprint in named)).digest()


def tree_of(slots: Iterable[tuple[int, Row]]) -> Tree:
    """The tree of rows that come slot by slot, as an index on the slot gives them: one slot is held at a time."""
    found: Iterator[tuple[int, Iterator[tuple[int, Row]]]] = groupby(slots, lambda each: each[0])
    return Tree.over({slot: leaf_of(row for _, row in rows) for slot, rows in found})


def root_of(rows: Iterable[Row]) -> str:
    """The root of any set of (kind, key, fingerprint), in any order: what the holder of a copy computes for itself."""
    placed = ((slot_of(kind, key), (kind, key, fingerprint)) for kind, key, fingerprint in rows)
    return tree_of(sorted(placed)).root
