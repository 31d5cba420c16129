"""Connections that are given up when PostgreSQL says nothing for longer than a statement may take.

The server ends its own statements (`statement_timeout`), and the kernel notices a peer that is gone. Neither helps
where packets are lost on the way, or the server's machine stands still: an answer would be waited for until the line
is mended, with everything that the request holds. Whoever asked is told 503 instead; whether a commit took place is
then unknown, and its Idempotency-Key tells when the request comes again.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

# Seconds of silence beyond the time that a statement may take: the way there and back, and a busy machine.
SILENCE = 5.0
T = TypeVar("T")


class PatientConnection(psycopg.AsyncConnection[TupleRow]):
    """`longest`: seconds that a statement may take here; None = any time, and then silence is no sign."""

    longest: float | None = None

    async def wait(self, gen: PQGen[T], *more: Any, **named: Any) -> T:
        """As psycopg does, for `longest` and SILENCE at most. Raises psycopg.OperationalError."""
        if self.longest is None:
            return await super().wait(gen, *more, **named)
        watch = asyncio.get_running_loop().call_later(self.longest + SILENCE, self._hang_up)
        try:
            return await super().wait(gen, *more, **named)
        finally:
            watch.cancel()

    def _hang_up(self) -> None:
        """libpq finds the line closed, and tells whoever waits. The descriptor stays libpq's own."""
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)


async def require_open(connection: psycopg.AsyncConnection[Any]) -> None:
    """Raises psycopg.OperationalError when the server has ended a connection that waited for its next use.

    Over a connection at rest nothing comes but notices, changed parameters, and its end, which a farewell announces:
    the server is asked only when something came.
    """
    line = select.poll()
    line.register(connection.pgconn.socket, select.POLLIN)
    if line.poll(0):
        await connection.execute("SELECT")


@asynccontextmanager
async def longer_statements(connection: psycopg.AsyncConnection[Any], seconds: int) -> AsyncIterator[None]:
    """Statements of this transaction may take so long; so long is their answer waited for within the block."""
    await connection.execute(f"SET LOCAL statement_timeout = '{seconds}s'".encode())
    if not isinstance(connection, PatientConnection) or connection.longest is None:
        yield
        return
    usual, connection.longest = connection.longest, float(seconds)
    try:
        yield
    finally:
        connection.longest = usual
