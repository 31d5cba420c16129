"""The feed: the log of changes joined with the current documents, and its cursor.

A cursor says after which change of which epoch to go on. Its parts: 4 bytes of checksum, 12 bytes of HMAC, the text
`epoch:sequence`. A text whose checksum fails is garbage; a sound one of another epoch is foreign, whoever sealed it.
"""

import json
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple

from app.paging import Cursors, decode, encode, with_member
from app.problems import CursorInvalid, Problem
from app.publication.digest import AsyncConnection
from app.publication.reading import Pool
from app.publication.schemas import FeedQuery

CHECK_BYTES, SEAL_BYTES = 4, 12
# A filter by kind looks no further than this many changes at once; `next` goes on from there.
WINDOW = 10_000

# One statement: log, documents and edition of one snapshot. The log is dense, so a window is a range of numbers.
PAGE = """
WITH bounds AS (
  SELECT d.edition, d.epoch,
    coalesce((SELECT x.sequence FROM change x ORDER BY x.sequence LIMIT 1), d.edition + 1) AS oldest
  FROM (SELECT * FROM directory LIMIT 1) d
),
begun AS (
  SELECT b.*, coalesce(%(after)s::bigint, b.oldest - 1) AS after FROM bounds b
)
SELECT b.edition, b.epoch, b.oldest, b.after, c.sequence, c.kind, c.key, c.operation, p.document, p.fingerprint
FROM begun b
LEFT JOIN LATERAL (
  SELECT * FROM change x
  WHERE x.sequence > b.after AND x.sequence <= b.after + %(window)s AND (%(kind)s::text IS NULL OR x.kind = %(kind)s)
  ORDER BY x.sequence LIMIT %(limit)s) c ON true
LEFT JOIN LATERAL (
  SELECT x.document, x.fingerprint FROM publication x
  WHERE %(resource)s AND c.operation = 'put' AND x.kind = c.kind AND x.key = c.key LIMIT 1) p ON true
ORDER BY c.sequence
"""


# The newest edition of which there are full files, with its epoch: from there a copy goes on without a gap.
BEGINNING = """
SELECT s.edition, s.epoch FROM snapshot s JOIN directory d ON d.epoch = s.epoch
WHERE s.state = 'offered' ORDER BY s.edition DESC LIMIT 1
"""


class FeedCursorExpired(Problem):
    """`snapshot` = where to begin anew: `edition`, `url` of its files, `next` to go on with afterwards; or null."""

    status = HTTPStatus.GONE
    code = "feed.cursor_expired"
    title = "The feed does not go on from this cursor"


class FeedCursors:
    """Seals and opens the cursors of the feed."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def seal(self, epoch: str, sequence: int) -> str:
        payload = f"{epoch}:{sequence}".encode()
        sealed = self._cursors.sign("feed", payload)[:SEAL_BYTES] + payload
        return encode(_check(sealed) + sealed)

    def open(self, cursor: str) -> "Opened":
        """What a cursor says. Raises CursorInvalid for garbage."""
        token = decode(cursor)
        payload = token[CHECK_BYTES + SEAL_BYTES :]
        epoch, _, sequence = payload.decode(errors="replace").rpartition(":")
        if token[:CHECK_BYTES] != _check(token[CHECK_BYTES:]) or not epoch:
            raise CursorInvalid("This is no cursor of a feed. Start without one.")
        seal = token[CHECK_BYTES : CHECK_BYTES + SEAL_BYTES]
        is_ours = self._cursors.is_signed(seal, "feed", payload, SEAL_BYTES)
        return Opened(epoch, int(sequence) if is_ours else 0, is_ours)


class Opened(NamedTuple):
    """A sound cursor. `sequence` is to be trusted only when the seal is ours."""

    epoch: str
    sequence: int
    is_ours: bool


class Page(NamedTuple):
    """A page of the feed as it is served.

    `holds` = how many changes, `shown` = how many documents; `is_at_edition`: nothing comes after it yet.
    """

    edition: int
    body: bytes
    next: str
    holds: int
    shown: int
    is_at_edition: bool


async def page(pool: Pool, cursors: FeedCursors, query: FeedQuery) -> Page:
    """The page after the query's cursor. Raises what `page_on` raises."""
    async with pool.connection() as connection:
        return await page_on(connection, cursors, query)


async def page_on(connection: AsyncConnection, cursors: FeedCursors, query: FeedQuery) -> Page:
    """The page after the query's cursor, as the connection's snapshot sees it.

    Raises CursorInvalid for garbage, FeedCursorExpired for a cursor of another epoch, of changes that were pruned, or
    of changes that this history has not made (it was restored from an older backup).
    """
    opened = None if query.after is None else cursors.open(query.after)
    after = None if opened is None else opened.sequence
    window = max(WINDOW, query.limit)
    parameters = query.model_dump(include={"limit", "kind", "resource"}) | {"after": after, "window": window}
    cursor = await connection.execute(PAGE, parameters)
    rows = await cursor.fetchall()
    edition, epoch, oldest, begun = rows[0][:4]
    if opened is not None:
        if opened.epoch != epoch:
            raise await _expired(connection, cursors, edition, "It belongs to another history: make a new copy.")
        if not opened.is_ours:
            raise CursorInvalid("This cursor was altered. Use `next` as it was given.")
    if not oldest - 1 <= begun <= edition:
        raise await _expired(connection, cursors, edition, "What it asks for is not kept here: make a new copy.")
    changes = [row[4:] for row in rows if row[4] is not None]
    last = changes[-1][0] if len(changes) == query.limit else min(begun + window, edition)
    following = cursors.seal(epoch, last)
    tail = json.dumps({"next": following, "edition": edition})
    items = ",".join(_item(*change) for change in changes)
    body = ('{"items":[' + items + "]," + tail[1:]).encode()
    shown = sum(document is not None for _, _, _, _, document, _ in changes)
    return Page(edition, body, following, len(changes), shown, last == edition)


async def _expired(connection: AsyncConnection, cursors: FeedCursors, edition: int, why: str) -> FeedCursorExpired:
    row = await (await connection.execute(BEGINNING)).fetchone()
    snapshot = row and {
        "edition": row[0],
        "url": f"/v1/snapshots/{row[0]}",
        "next": cursors.seal(row[1], row[0]),
    }
    return FeedCursorExpired(why, edition=edition, snapshot=snapshot)


def _item(sequence: int, kind: str, key: str, operation: str, document: str | None, fingerprint: bytes | None) -> str:
    bare: dict[str, Any] = {"sequence": sequence, "kind": kind, "key": key, "operation": operation}
    text = json.dumps(bare)
    if document is None or fingerprint is None:
        return text
    return f'{text[:-1]},"resource":{with_member(document, "fingerprint", fingerprint.hex())}}}'


def _check(sealed: bytes) -> bytes:
    return sha256(sealed).digest()[:CHECK_BYTES]
