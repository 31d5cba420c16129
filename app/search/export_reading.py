"""The rows of an export: page after page of one snapshot, on a connection that is the export's own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import IsolationLevel

from app.db import libpq_url
from app.paging import Position
from app.publication.listing import Found
from app.publication.reading import Pool
from app.settings import Settings

# Rows that are read at once: 2 MB of documents. More are hardly faster.
PORTION = 1_000
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


class _Snapshot:
    """A pool of one connection, in a transaction that sees one edition."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        yield self._connection


@asynccontextmanager
async def snapshot(settings: Settings) -> AsyncIterator[Pool]:
    """Reads of one edition, until its connection is closed. Raises psycopg.OperationalError."""
    most_idle = (settings.export_seconds + FORGOTTEN_SECONDS) * 1_000
    connection = await psycopg.AsyncConnection.connect(
        libpq_url(settings.database_url),
        connect_timeout=5,
        application_name="annuaire-api-export",
        options=f"-c statement_timeout={settings.statement_timeout_ms}"
        f" -c idle_in_transaction_session_timeout={most_idle} -c default_transaction_read_only=on",
    )
    try:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        yield _Snapshot(connection)
    finally:
        await connection.close()


async def portions(search: Search, pool: Pool, after: Position | None, most: int) -> AsyncGenerator[Portion, None]:
    """At most `most` rows after a sort key, in portions; the next one is read while this one is sent."""
    asked = min(PORTION, most)
    reading = asyncio.create_task(search.page(pool, after, asked))
    try:
        while True:
            found = await reading
            rows, is_last = found.rows[:asked], len(found.rows) <= asked
            most -= len(rows)
            if is_last or not most:
                yield Portion(found.edition, rows, is_last)
                return
            asked = min(PORTION, most)
            reading = asyncio.create_task(search.page(pool, rows[-1][2:], asked))
            yield Portion(found.edition, rows, is_last)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
