"""The audit trail read again, row by row, by nothing of the database's own: was anything changed since it was written?

    altered    what a row says is not what its hash was made of
    unlinked   a row does not hold the hash of the row before it
    missing    numbers are left out
    head       the trail does not end where its head says: rows at the end are gone, or came without `audit_append`
    anchor     the trail does not go through a root that was kept elsewhere: it was made anew, or cut short

A root that went with a restored backup is lost, not a fault: a later root, through which the trail goes, says up to
where the backup held it (`app.access.audit_restored`).

Whoever can write the tables can compute every hash anew, so that the chain alone shows only half: the other half are
the roots that were anchored where that person cannot write (`app.access.audit_roots`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.access.audit_roots import Root

Connection = psycopg.Connection[Any]
GENESIS = bytes(32)
AT_ONCE = 5_000
# More would say no more: whoever reads them looks at the first.
MOST_FAULTS = 100
# to_char() writes no sign before a year and the same digits for two eras; what is no instant of ours is read as it is.
ROWS = """
SELECT sequence, CASE WHEN at >= '0001-01-01' AND at < '9999-12-31' THEN
    to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ELSE at::text END AS at,
  actor, credential, operator, action, object_kind, object_key, encode(before, 'hex') AS before,
  encode(after, 'hex') AS after, detail, request_id, previous, hash
FROM audit ORDER BY sequence
"""
HEAD = "SELECT sequence, hash, count FROM audit_head"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the trail is not as it was written; `sequence` is the row at which it shows."""

    sequence: int
    code: str
    detail: str


@dataclass
class Verified:
    """What was read: how many rows, where the trail ends, how many roots it was held against, and what is wrong.

    `lost`: roots of what a restored backup did not hold, as the keeper of the roots was told.
    """

    rows: int = 0
    sequence: int = 0
    hash: bytes = GENESIS
    anchors: int = 0
    lost: list[Root] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.faults


def verify(connection: Connection, roots: Iterable[Root] = ()) -> Verified:
    """Read the whole trail, in one snapshot, and hold it against roots that were kept elsewhere.

    At most MOST_FAULTS faults are listed. Writers are not held up.
    """
    found = Verified()
    kept = list(roots)
    found.anchors = len(kept)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        head = connection.execute(HEAD).fetchone()
        faults = _faults(_rows(connection), head, kept, found)
        found.faults = [fault for fault, _ in zip(faults, range(MOST_FAULTS), strict=False)]
    return found


def hash_of(row: Mapping[str, Any]) -> bytes:
    """The hash that belongs to a row as it stands (texts; `before` and `after` in hexadecimal digits)."""
    said = {name: value for name, value in row.items() if name not in {"previous", "hash"}}
    written = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass") + bytes(row["previous"] or b"")).digest()


def _rows(connection: Connection) -> Iterator[dict[str, Any]]:
    with connection.cursor("audit_rows", row_factory=dict_row) as cursor:
        cursor.itersize = AT_ONCE
        yield from cursor.execute(ROWS)


def _faults(
    rows: Iterable[dict[str, Any]], head: tuple[int, bytes, int] | None, kept: Sequence[Root], found: Verified
) -> Iterator[Fault]:
    passed: dict[int, bytes] = dict.fromkeys((root.sequence for root in kept), b"")
    for row in rows:
        yield from _faults_of(row, found)
        found.rows += 1
        found.sequence, found.hash = row["sequence"], bytes(row["hash"] or b"")
        if found.sequence in passed:
            passed[found.sequence] = found.hash
    yield from _faults_of_end(head, found)
    yield from _faults_of_roots(kept, passed, found)


def sorted_out(kept: Sequence[Root], passed: Mapping[int, bytes]) -> tuple[list[Root], list[Root]]:
    """Roots through which the trail does not go: (lost with what a backup did not hold, missed), oldest first.

    `passed`: the hash of each act that a root stands at, empty where there is none. Read from the latest root on, so
    that it is known up to where later ones say that the trail was held.
    """
    held: int | None = None
    lost, missed = [], []
    for root in reversed(kept):
        if root.hash == passed[root.sequence]:
            told = [number for number in (held, root.restored_to) if number is not None]
            held = min(told, default=None)
        elif held is not None and root.sequence > held:
            lost.append(root)
        else:
            missed.append(root)
    return lost[::-1], missed[::-1]


def _faults_of_roots(kept: Sequence[Root], passed: Mapping[int, bytes], found: Verified) -> Iterator[Fault]:
    lost, missed = sorted_out(kept, passed)
    found.lost.extend(lost)
    for root in missed:
        what = f"is another: {root.hash.hex()}" if passed[root.sequence] else "stands at a row that is not there"
        yield Fault(root.sequence, "anchor", f"the root anchored at {root.at} {what}")


def _faults_of(row: Mapping[str, Any], found: Verified) -> Iterator[Fault]:
    """What is wrong with one row; `found` is how far the trail was read before it."""
    sequence = row["sequence"]
    if sequence != found.sequence + 1:
        yield Fault(sequence, "missing", f"after row {found.sequence} comes row {sequence}")
    if row["previous"] != found.hash:
        yield Fault(sequence, "unlinked", f"it does not hold the hash of row {found.sequence}")
    if row["hash"] != hash_of(row):
        yield Fault(sequence, "altered", "what it says is not what its hash was made of")


def _faults_of_end(head: tuple[int, bytes, int] | None, found: Verified) -> Iterator[Fault]:
    if head is None:
        yield Fault(found.sequence, "head", "nothing says where the trail ends")
    elif (head[0], bytes(head[1]), head[2]) != (found.sequence, found.hash, found.rows):
        yield Fault(
            found.sequence,
            "head",
            f"the trail ends at row {found.sequence} of {found.rows}, its head says row {head[0]} of {head[2]}",
        )
