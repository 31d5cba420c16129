"""Reads of the publication: documents by id, one at a time or in batches, as the text that is served.

Every function takes one statement, so what it returns is one snapshot: documents and edition belong together.
"""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg.pq.abc import PGresult

from app.pipelined import Reads, Statement

# More candidates than these say nothing to anybody.
MOST_CANDIDATES = 50

# LIMIT 1 tells the planner that the directory is one row; before its first ANALYZE it counts on a thousand.
# An id ($2, of the kind $1) is a key, or an alias of one or several resources.
BY_IDS = Statement(
    b"by_ids",
    b"""
SELECT d.edition, p.document, p.tag, p.key
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN LATERAL (
  SELECT x.document, '"' || x.sequence || '-' || encode(substr(x.fingerprint, 1, 8), 'hex') || '"' AS tag, x.key
  FROM publication x
  WHERE x.kind = $1 AND x.key = ANY ($2::text[] || ARRAY(
    SELECT a.key FROM alias a WHERE a.kind = $1 AND a.alias = ANY ($2::text[])))
  ORDER BY x.key LIMIT $3) p ON true
""",
)

BY_IDS_IN_BATCH = """
SELECT d.edition, p.position, p.key, p.document
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN LATERAL (
  SELECT n.position, x.key, x.document
  FROM (SELECT i.position, i.id COLLATE "C" AS key
        FROM unnest(%(positions)s::int[], %(ids)s::text[]) AS i (position, id)
        UNION
        SELECT i.position, a.key
        FROM unnest(%(positions)s::int[], %(ids)s::text[]) AS i (position, id)
        JOIN alias a ON a.kind = %(kind)s AND a.alias = i.id) n
  JOIN publication x ON x.kind = %(kind)s AND x.key = n.key
  ORDER BY n.position, x.key) p ON true
"""


class Pool(Protocol):
    """Where reads take a connection from: the pool of the app, or one connection that holds a snapshot."""

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """A published resource as PostgreSQL sent it: (edition, document, tag, key…); nothing is copied before it is asked.

    `tag` is its ETag: the change that last touched it and the first 16 hex digits of its fingerprint.
    """

    result: PGresult
    number: int = 0

    @property
    def edition(self) -> bytes:
        return self._value(0)

    def document(self) -> bytes:
        """The JSON text to serve."""
        return self._value(1)

    @property
    def tag(self) -> bytes:
        return self._value(2)

    @property
    def key(self) -> str:
        return self._value(3).decode()

    def _value(self, column: int) -> bytes:
        return self.result.get_value(self.number, column) or b""


class Rows(NamedTuple):
    """Published resources of one edition."""

    edition: int
    rows: list[Row]


async def by_ids(reads: Reads, kind: str, ids: Sequence[str]) -> Rows:
    """Every resource whose key or alias is one of `ids`; at most MOST_CANDIDATES."""
    result = await reads.one(BY_IDS, kind.encode(), text_array(ids), b"%d" % MOST_CANDIDATES)
    rows = [Row(result, number) for number in range(result.ntuples)]
    return Rows(int(rows[0].edition), [row for row in rows if result.get_value(row.number, 1) is not None])


async def by_ids_at(moment: Pool, kind: str, ids: Sequence[str]) -> tuple[int, list[tuple[str, str]]]:
    """As `by_ids`, among other reads of one moment (app.publication.moment): (edition, every (key, document))."""
    async with moment.connection() as connection, psycopg.AsyncRawCursor(connection) as cursor:
        await cursor.execute(BY_IDS.sql, [kind, list(ids), MOST_CANDIDATES])
        rows = await cursor.fetchall()
    return rows[0][0], [(key, document) for _, document, _, key in rows if document is not None]


def text_array(texts: Sequence[str]) -> bytes:
    """These texts as PostgreSQL writes an array."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ('{"' + '","'.join(quoted) + '"}').encode() if texts else b"{}"


# (key, document) of each resource.
Documents = list[tuple[str, bytes]]


class Batch(NamedTuple):
    """The answer to a batch. `shown` = every (key, document) that its body shows, or names as a candidate."""

    edition: int
    body: bytes
    shown: Documents


async def batch(pool: Pool, kind: str, asked: Sequence[str], candidates: Sequence[Sequence[str]]) -> Batch:
    """One result for each text of `asked`, in order, twins kept.

    `candidates[n]` are the keys and aliases that `asked[n]` may stand for. Where several resources fit, none is chosen:
    the result is `found: false` with their keys as `candidates`.
    """
    first = {text: position for position, text in reversed(list(enumerate(asked)))}
    pairs = [(position, each) for position in first.values() for each in candidates[position]]
    parameters = {"kind": kind, "positions": [pair[0] for pair in pairs], "ids": [pair[1] for pair in pairs]}
    async with pool.connection() as connection:
        cursor = await connection.execute(BY_IDS_IN_BATCH, parameters)
        edition, found = _by_position(cursor.pgresult)
    chosen = {text: _chosen(text, found.get(position, [])) for text, position in first.items()}
    told = {text: _result(text, those) for text, those in chosen.items()}
    body = b'{"results":[%b],"edition":%d}' % (b",".join(told[text] for text in asked), edition)
    return Batch(edition, body, [each for those in chosen.values() for each in those])


def _by_position(result: PGresult | None) -> tuple[int, dict[int, Documents]]:
    """(edition, what was found for each position): the bytes as they came, since a document is only passed on."""
    if result is None:
        raise LookupError("PostgreSQL answered a read with nothing")
    value = result.get_value
    found: dict[int, Documents] = {}
    for row in range(result.ntuples):
        if (position := value(row, 1)) is not None:
            key, document = value(row, 2) or b"", value(row, 3) or b""
            found.setdefault(int(position), []).append((key.decode(), document))
    return int(value(0, 0) or 0), found


def _chosen(asked: str, found: Documents) -> Documents:
    """A key means its own resource alone; anything else may mean several."""
    return [each for each in found if each[0] == asked] or found


def _result(asked: str, chosen: Documents) -> bytes:
    id_ = json.dumps(asked).encode()
    if len(chosen) == 1:
        return b'{"id":%b,"found":true,"resource":%b}' % (id_, chosen[0][1])
    if chosen:
        keys = json.dumps([key for key, _ in chosen]).encode()
        return b'{"id":%b,"found":false,"candidates":%b}' % (id_, keys)
    return b'{"id":%b,"found":false}' % id_
