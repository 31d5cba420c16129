"""Several reads of one moment: every statement sees the same edition."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from app.publication.reading import Pool

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Moment:
    """A pool whose only connection stays in one snapshot. For one task: its statements follow one another."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        yield self._connection


@asynccontextmanager
async def at_one_moment(pool: Pool) -> AsyncIterator[Pool]:
    """The same pool, held still until the block ends; one that is held already stays as it is."""
    if isinstance(pool, Moment):
        yield pool
        return
    async with pool.connection() as connection:
        await connection.execute(BEGIN)
        try:
            yield Moment(connection)
        finally:
            # Also after a fault: nothing was written, and the connection goes back as it came.
            await connection.execute("ROLLBACK")
