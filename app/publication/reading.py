"""Reads of the publication: documents by id, one at a time or in batches, as the text that is served.

Every function takes one statement, so what it returns is one snapshot: documents and edition belong together.
"""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

import psycopg


class Pool(Protocol):
    """Whatever lends a connection: the pool of reads, or one moment of it (app.publication.moment)."""

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]: ...


# More candidates than these say nothing to anybody.
MOST_CANDIDATES = 50

# LIMIT 1 tells the planner that the directory is one row; before its first ANALYZE it counts on a thousand.
# An id is a key, or an alias of one or several resources.
BY_IDS = """
SELECT d.edition, p.key, p.document, p.sequence, p.tag
FROM (SELECT * FROM directory LIMIT 1) d
LEFT JOIN LATERAL (
  SELECT x.key, x.document, x.sequence, encode(substr(x.fingerprint, 1, 8), 'hex') AS tag
  FROM (SELECT k.key COLLATE "C" AS key FROM unnest(%(ids)s::text[]) AS k (key)
        UNION SELECT a.key FROM alias a WHERE a.kind = %(kind)s AND a.alias = ANY (%(ids)s)) n
  JOIN publication x ON x.kind = %(kind)s AND x.key = n.key
  ORDER BY x.key LIMIT %(most)s) p ON true
"""

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


class Document(NamedTuple):
    """A published resource: `document` is the JSON text to serve, `tag` the first 16 hex digits of the fingerprint."""

    key: str
    document: str
    sequence: int
    tag: str


async def by_ids(pool: Pool, kind: str, ids: Sequence[str]) -> tuple[int, list[Document]]:
    """(edition, every resource whose key or alias is one of `ids`); at most MOST_CANDIDATES."""
    async with pool.connection() as connection:
        cursor = await connection.execute(BY_IDS, {"kind": kind, "ids": list(ids), "most": MOST_CANDIDATES})
        rows = await cursor.fetchall()
    return rows[0][0], [Document(*row[1:]) for row in rows if row[1] is not None]


class Batch(NamedTuple):
    """The answer to a batch. `shown` = every (key, document) that its body shows, or names as a candidate."""

    edition: int
    body: bytes
    shown: Sequence[tuple[str, str]]


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
        rows = await cursor.fetchall()
    found: dict[int, list[tuple[str, str]]] = {}
    for _, position, key, document in rows:
        if position is not None:
            found.setdefault(position, []).append((key, document))
    chosen = {text: _chosen(text, found.get(position, [])) for text, position in first.items()}
    edition: int = rows[0][0]
    body = f'{{"results":[{",".join(_result(text, chosen[text]) for text in asked)}],"edition":{edition}}}'.encode()
    return Batch(edition, body, [each for those in chosen.values() for each in those])


def _chosen(asked: str, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A key means its own resource alone; anything else may mean several."""
    return [each for each in found if each[0] == asked] or found


def _result(asked: str, chosen: list[tuple[str, str]]) -> str:
    if len(chosen) == 1:
        return f'{{"id":{json.dumps(asked)},"found":true,"resource":{chosen[0][1]}}}'
    if chosen:
        return f'{{"id":{json.dumps(asked)},"found":false,"candidates":{json.dumps([key for key, _ in chosen])}}}'
    return f'{{"id":{json.dumps(asked)},"found":false}}'
