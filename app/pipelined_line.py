"""One connection in pipeline mode: a portion of statements at a time, each prepared at its first use."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from app.db import READ_ONLY, libpq_url, session
from app.pools import Require
from app.schema.program import application
from app.settings import Settings

CONNECT_SECONDS = 5
# Beyond the time-out of the statement itself.
SILENCE = 5.0
# A plan for the value at hand costs four times what the row costs; ours go by key whatever it is.
PARAMETERS = {**READ_ONLY, "plan_cache_mode": "force_generic_plan"}


@dataclass(slots=True, eq=False)
class Asked:
    """A statement that somebody waits for, since `at` (monotonic)."""

    name: bytes
    sql: bytes
    parameters: Sequence[bytes]
    answer: asyncio.Future[PGresult]
    at: float


class Line:
    """Sends portions and hands each answer over.

    `free` is called when the next portion may come, `lost` when the line must connect again.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        free: Callable[[], None],
        lost: Callable[["Line"], None],
        require: Require | None,
    ) -> None:
        self._settings, self._url = settings, url
        self._free, self._lost, self._require = free, lost, require
        self._connection: psycopg.AsyncConnection[Any] | None = None
        # Kept here: libpq closes and forgets it itself when the connection is lost.
        self._socket = -1
        self._prepared: set[bytes] = set()
        # What answers will come, in order: to a statement, or to preparing one (its name).
        self._expected: deque[Asked | bytes] = deque()
        self._failed: PGresult | None = None
        self._is_busy = False
        self._heard_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    @property
    def is_idle(self) -> bool:
        return self._connection is not None and not self._is_busy

    async def connect(self) -> None:
        """Raises psycopg.Error."""
        connection = await psycopg.AsyncConnection.connect(
            libpq_url(self._url),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=application("annuaire-api"),
            options=session(statement_timeout=self._settings.statement_timeout_ms, **PARAMETERS),
        )
        if self._require is not None:
            await self._require(connection)
        connection.pgconn.enter_pipeline_mode()
        self._prepared.clear()
        self._connection, self._socket = connection, connection.pgconn.socket
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def send(self, portion: Sequence[Asked]) -> None:
        """Send a portion; the line must be idle."""
        pgconn = self._pgconn
        self._is_busy, self._heard_at = True, time.monotonic()
        try:
            for asked in portion:
                if asked.name not in self._prepared:
                    pgconn.send_prepare(asked.name, asked.sql)
                    self._prepared.add(asked.name)
                    self._expected.append(asked.name)
                pgconn.send_query_prepared(asked.name, asked.parameters)
                self._expected.append(asked)
            pgconn.pipeline_sync()
            self._flush()
        except psycopg.Error as error:
            self._expected.extend(asked for asked in portion if asked not in self._expected)
            self._fail(error)

    def close(self, reason: psycopg.Error) -> None:
        """Disconnect; those who wait on it are told the reason."""
        if self._connection is not None:
            pgconn = self._pgconn
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            pgconn.finish()
            self._connection = None
        self._is_busy = False
        while self._expected:
            self._tell(self._expected.popleft(), reason)

    def require_alive(self, now: float) -> None:
        """Give the connection up when it owes an answer for longer than a statement may take."""
        longest = self._settings.statement_timeout_ms / 1_000
        if self._is_busy and longest and now - self._heard_at > longest + SILENCE:
            self._fail(psycopg.OperationalError("PostgreSQL says nothing any more"))

    def give_up(self, reason: psycopg.Error) -> None:
        """Disconnect and connect again, unless it does so already; those who wait on it are told the reason."""
        if self._connection is not None:
            self._fail(reason)

    @property
    def _pgconn(self) -> PGconn:
        if self._connection is None:
            raise psycopg.OperationalError("not connected")
        return self._connection.pgconn

    def _flush(self) -> None:
        pgconn = self._pgconn
        loop = asyncio.get_running_loop()
        if pgconn.flush():
            loop.add_writer(self._socket, self._flush_on)
        else:
            loop.remove_writer(self._socket)

    def _flush_on(self) -> None:
        try:
            self._flush()
        except psycopg.Error as error:
            self._fail(error)

    def _read(self) -> None:
        """Whatever arrived: answers in the order of the statements, then the end of the portion."""
        pgconn = self._pgconn
        self._heard_at = time.monotonic()
        try:
            pgconn.consume_input()
            ends = 0
            # One None ends the answer to a statement; a second one means that nothing more has come.
            while self._is_busy and ends < 2 and not pgconn.is_busy():  # noqa: PLR2004 - said above
                result = pgconn.get_result()
                ends = 0 if result else ends + 1
                if result:
                    self._take(result)
                if pgconn.status != ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is lost")
        except psycopg.Error as error:
            self._fail(error)

    def _take(self, result: PGresult) -> None:
        match result.status:
            case ExecStatus.PIPELINE_SYNC:
                self._is_busy, self._failed = False, None
                self._free()
            case ExecStatus.TUPLES_OK | ExecStatus.COMMAND_OK:
                self._tell(self._expected.popleft(), result)
            case ExecStatus.PIPELINE_ABORTED:
                # Not carried out, because of the one before it: told the same.
                self._tell(self._expected.popleft(), error_from_result(self._failed or result))
            case _:
                self._failed = result
                self._tell(self._expected.popleft(), error_from_result(result))

    def _tell(self, asked: Asked | bytes, answer: PGresult | psycopg.Error) -> None:
        if isinstance(asked, bytes):
            if isinstance(answer, psycopg.Error):
                self._prepared.discard(asked)
        elif asked.answer.done():  # who asked has gone
            return
        elif isinstance(answer, psycopg.Error):
            asked.answer.set_exception(answer)
        else:
            asked.answer.set_result(answer)

    def _fail(self, error: psycopg.Error) -> None:
        self.close(error)
        self._lost(self)
