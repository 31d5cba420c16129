"""A reader that keeps a copy of the directory by the feed alone, as an operator would, and may die at any moment."""

import json
from contextlib import nullcontext
from typing import Any, NamedTuple

import psycopg

from app.publication import feed
from app.publication.arrivals import Arrivals
from app.publication.digest_tree import root_of
from app.publication.long_poll import awaited
from app.publication.reading import Pool
from app.publication.schemas import FeedQuery

WHOLE = """
SELECT d.edition, d.epoch, p.kind, p.key, p.fingerprint FROM directory d LEFT JOIN publication p ON true
"""
Copy = dict[tuple[str, str], bytes]


class Kept(NamedTuple):
    """What a follower finds on its disk when it comes back."""

    cursor: str | None
    copy: Copy


class Follower:
    """`begun`: how often it had to begin anew; `seen`: every number that it read since."""

    def __init__(self, pool: Pool, cursors: feed.FeedCursors, arrivals: Arrivals, **query: Any) -> None:
        self._pool = pool
        self._cursors = cursors
        self._arrivals = arrivals
        self._query = query
        self._kept = Kept(None, {})
        self.cursor: str | None = None
        self.copy: Copy = {}
        self.begun = 0
        self.seen: list[int] = []

    @property
    def root(self) -> str:
        return root_of((kind, key, fingerprint) for (kind, key), fingerprint in self.copy.items())

    async def step(self, wait: int = 0) -> bool:
        """Read a page and do what it says; begin anew where the feed says so. Returns whether it is at the edition."""
        query = FeedQuery(after=self.cursor, wait=wait, **self._query)
        try:
            page = await awaited(self._arrivals, self._look, query, "follower", nullcontext, _always)
        except feed.FeedCursorExpired:
            await self.begin()
            return False
        for item in json.loads(page.body)["items"]:
            self._apply(item)
        self.cursor = page.next
        return page.is_at_edition

    async def _look(self, query: FeedQuery, _least: int) -> feed.Page:
        return await feed.page(self._pool, self._cursors, query)

    def _apply(self, item: dict[str, Any]) -> None:
        name = (item["kind"], item["key"])
        if "resource" in item:
            self.copy[name] = bytes.fromhex(item["resource"]["fingerprint"])
        else:
            self.copy.pop(name, None)
        self.seen.append(item["sequence"])

    async def begin(self) -> None:
        """A whole copy of one edition, as a snapshot is, and the cursor that goes on from it."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(WHOLE)).fetchall()
        edition, epoch = rows[0][:2]
        self.copy = {(kind, key): fingerprint for _, _, kind, key, fingerprint in rows if kind is not None}
        self.cursor = self._cursors.seal(epoch, edition)
        self.begun += 1
        self.seen.clear()
        self.keep()

    def keep(self) -> None:
        """Write copy and cursor to the disk, together."""
        self._kept = Kept(self.cursor, dict(self.copy))

    def die(self) -> None:
        """Come back with what was kept: pages read since are read again."""
        self.cursor, self.copy = self._kept.cursor, dict(self._kept.copy)


async def _always() -> None:
    """Nobody takes this reader's key away."""


def published(connection: psycopg.Connection[Any]) -> Copy:
    """What a complete copy holds."""
    rows = connection.execute("SELECT kind, key, fingerprint FROM publication").fetchall()
    return {(kind, key): fingerprint for kind, key, fingerprint in rows}
