"""The digest: one hash that proves that two copies of the directory are equal at an edition.

    root                  SHA-256 of the 256 node hashes
    ├── node 0 … 255      SHA-256 of its 256 slot hashes
    │   └── slot          SHA-256 of its rows in order of (kind, key), each `kind/key`, a zero byte, the fingerprint

The slot of a row is given by the first two bytes of SHA-256(`kind/key`); an empty slot hashes the empty string. So the
root depends on the content alone, not on history, and a holder of a copy can descend to the one slot that differs.
It is read from an index on demand and never computed while publishing.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

DIGEST_SQL = (Path(__file__).parent / "digest.sql").read_text(encoding="utf-8")


class Digest(NamedTuple):
    """The proof of one edition: `root` is 64 hexadecimal digits."""

    edition: int
    epoch: str
    root: str


def root(connection: psycopg.Connection[Any]) -> Digest:
    """The digest of the current edition, from one snapshot. Reads the whole digest index: seconds at national size."""
    row = connection.execute(DIGEST_SQL).fetchone()
    if row is None:
        raise LookupError("the table directory is empty: run `annuaire db upgrade`")
    return Digest(*row)


def root_of(rows: Iterable[tuple[str, str, bytes]]) -> str:
    """The root of any set of (kind, key, fingerprint), in any order: what the holder of a copy computes for itself."""
    slots: dict[int, list[tuple[bytes, bytes]]] = {}
    for kind, key, fingerprint in rows:
        name = f"{kind}/{key}".encode()
        slots.setdefault(int.from_bytes(sha256(name).digest()[:2], "big"), []).append((name, fingerprint))
    leaves = [
        sha256(b"".join(name + b"\0" + fingerprint for name, fingerprint in sorted(slots.get(slot, ())))).digest()
        for slot in range(65_536)
    ]
    nodes = [sha256(b"".join(leaves[first : first + 256])).digest() for first in range(0, 65_536, 256)]
    return sha256(b"".join(nodes)).hexdigest()
