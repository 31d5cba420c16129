"""The rows of an export: portion after portion of one snapshot, on a connection that is the export's own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import IsolationLevel
from psycopg.sql import SQL, Composed, Literal

from app.db import READ_ONLY, libpq_url, session
from app.paging import Position
from app.publication.listing import Found, Selection
from app.publication.moment import Moment
from app.publication.reading import Pool
from app.settings import Settings

# Rows that are read at once: 2 MB of documents. More are hardly faster.
PORTION = 1_000
EDITION = "SELECT edition FROM directory"
DECLARE, FETCH = SQL("DECLARE export NO SCROLL CURSOR FOR "), SQL("FETCH {} FROM export")
# PostgreSQL ends a transaction that an API which hangs has forgotten, so much later than the API itself would.
FORGOTTEN_SECONDS = 60

Row = tuple[Any, ...]


class Search(Protocol):
    """What a list of the directory pages through (app.publication.listing.Selection and its like)."""

    async def page(self, pool: Pool, after: Position | None, limit: int) -> Found: ...


class Portion(NamedTuple):
    """Rows of (document, match, sort key…). `is_last`: all that fits is out."""

    edition: int
    rows: Sequence[Row]
    is_last: bool


@asynccontextmanager
async def snapshot(settings: Settings) -> AsyncIterator[Pool]:
    """Reads of one edition, until its connection is closed. Raises psycopg.OperationalError."""
    most_idle = (settings.export_seconds + FORGOTTEN_SECONDS) * 1_000
    connection = await psycopg.AsyncConnection.connect(
        libpq_url(settings.database_url),
        connect_timeout=5,
        application_name="annuaire-api-export",
        options=session(
            statement_timeout=settings.statement_timeout_ms,
            idle_in_transaction_session_timeout=most_idle,
            **READ_ONLY,
        ),
    )
    try:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        yield Moment(connection)
    finally:
        await connection.close()


async def portions(search: Search, pool: Pool, after: Position | None, most: int) -> AsyncGenerator[Portion, None]:
    """At most `most` rows after a sort key, in portions; the next one is read while this one is sent."""
    reader: _Reader = _Cursor(search, pool, after) if isinstance(search, Selection) else _Pages(search, pool, after)
    asked = min(PORTION, most)
    reading = asyncio.create_task(reader.read(asked))
    try:
        while True:
            portion = await reading
            most -= len(portion.rows)
            if portion.is_last or not most:
                yield portion
                return
            asked = min(PORTION, most)
            reading = asyncio.create_task(reader.read(asked))
            yield portion
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


class _Reader(Protocol):
    """Reads on from where it stands."""

    async def read(self, rows: int) -> Portion: ...


class _Pages:
    """Any search, page after page."""

    def __init__(self, search: Search, pool: Pool, after: Position | None) -> None:
        self._search, self._pool, self._after = search, pool, after

    async def read(self, rows: int) -> Portion:
        found = await self._search.page(self._pool, self._after, rows)
        is_more = len(found.rows) > rows
        self._after = found.rows[rows - 1][2:] if is_more else found.resume
        return Portion(found.edition, found.rows[:rows], self._after is None)


class _Cursor:
    """A plain selection, by one statement: nothing is counted, and what an index finds in another order is sorted once.

    PostgreSQL plans a cursor for its first rows, so that no export begins with a sort of the whole directory.
    """

    def __init__(self, selection: Selection, pool: Pool, after: Position | None) -> None:
        self._statement, self._pool = selection.whole(after), pool
        self._edition: int | None = None
        self._held: list[Row] = []

    async def read(self, rows: int) -> Portion:
        async with self._pool.connection() as connection:
            if self._edition is None:
                self._edition = await _begin(connection, *self._statement)
            # One more than asked for says whether there is more; it is the first of the next portion.
            cursor = await connection.execute(FETCH.format(Literal(rows + 1 - len(self._held))))
            found = self._held + await cursor.fetchall()
        self._held = found[rows:]
        return Portion(self._edition, found[:rows], not self._held)


async def _begin(connection: psycopg.AsyncConnection[Any], statement: Composed, parameters: Mapping[str, Any]) -> int:
    """Open the cursor of the connection's snapshot. Returns the edition."""
    row = await (await connection.execute(EDITION)).fetchone()
    await connection.execute(DECLARE + statement, parameters)
    return int(row[0]) if row else 0
