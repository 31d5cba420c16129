"""The consultation log: who was shown how much, by which route, and when. Never what was asked for.

    request ─► note() ─► queue (at most MOST_WAITING) ─► one task ─► COPY, AT_ONCE rows a time ─► table consultation

A read neither waits for the log nor fails with it: what the queue cannot take, or the database does not, is dropped and
counted (`annuaire_consultations_total{outcome="dropped"}` of /metrics). The audit trail is another record with other
promises (`app.access.audit`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter
from starlette.types import Scope

from app.access.caller import Identity
from app.db import is_passing, libpq_url, session
from app.faults import fault
from app.logs import route_of
from app.settings import Settings

logger = structlog.get_logger(__name__)

# About two seconds of the fastest reads of one process, and 3 MB.
MOST_WAITING = 20_000
AT_ONCE = 1_000
WRITE_SECONDS = 1.0
# After a failure the database is left alone, a little longer each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
ANONYMOUS = "anonymous"
INTO = "COPY consultation (at, caller, route, status, shown, request_id) FROM STDIN"
# In COPY's text form a backslash begins an escape. A tab or the end of a line is in no route, credential or request id.
ESCAPES = {ord("\\"): "\\\\"}
# Whoever loses the last second of the log in a crash of PostgreSQL has lost no read.
PARAMETERS = {"synchronous_commit": "off", "statement_timeout": 5_000, "lock_timeout": 2_000}


class Consultation(NamedTuple):
    """One answered read. `shown`: how many resources its answer held."""

    at: datetime
    caller: str
    route: str
    status: int
    shown: int
    request_id: str


class Consultations:
    """The log of one process. It notes nothing when it is to keep nothing (`consultation_days` 0)."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._queue: deque[Consultation] = deque()
        self._is_kept = settings.consultation_days > 0
        counted = Counter("annuaire_consultations", "Reads by what became of their log", ["outcome"], registry=registry)
        self._written, self._dropped = counted.labels("written"), counted.labels("dropped")

    def note(self, scope: Scope, status: int) -> None:
        """Note a request, if it was a read of the directory by somebody let in (app.access.rules)."""
        state = scope.get("state", {})
        shown = state.get("shown")
        if shown is None or not self._is_kept:
            return
        if len(self._queue) >= MOST_WAITING:
            self._dropped.inc()
            return
        caller: Identity = state["caller"]
        self._queue.append(
            Consultation(
                datetime.now(UTC), caller.credential or ANONYMOUS, route_of(scope), status, shown, scope["request_id"]
            )
        )

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write what is noted while the app serves, and the rest at its end."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._write_on(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def _write_on(self, stop: asyncio.Event) -> None:
        pause = FIRST_PAUSE
        while not stop.is_set():
            await _wait(stop, WRITE_SECONDS)
            if not self._queue:
                continue
            try:
                async with await self._connect() as connection:
                    await self._write_until(connection, stop)
                    pause = FIRST_PAUSE
            except (psycopg.Error, OSError) as error:
                logger.warning("consultations are not written", error=fault(error), pause_s=pause)
                await _wait(stop, pause)
                pause = min(LONGEST_PAUSE, pause * 2)
        self._dropped.inc(len(self._queue))
        self._queue.clear()

    async def _write_until(self, connection: psycopg.AsyncConnection[Any], stop: asyncio.Event) -> None:
        while True:
            while self._queue:
                await self._write(connection)
            if stop.is_set():
                return
            await _wait(stop, WRITE_SECONDS)

    async def _write(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Write a portion. Raises psycopg.Error: the portion waits on when the connection went, else it is dropped."""
        portion = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
        try:
            async with connection.cursor() as cursor, cursor.copy(INTO) as copy:
                # As one text: a thousand rows written one by one would hold every request up for long.
                await copy.write("".join(map(_line, portion)))
        except psycopg.Error as error:
            if connection.broken or is_passing(error):
                self._queue.extendleft(reversed(portion))
            else:
                self._dropped.inc(len(portion))
            raise
        self._written.inc(len(portion))

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            libpq_url(self._settings.database_url),
            autocommit=True,
            connect_timeout=5,
            application_name="annuaire-consultations",
            options=session(**PARAMETERS),
        )


def _line(each: Consultation) -> str:
    """A row as COPY reads it."""
    texts = "\t".join((each.caller, each.route, str(each.status), str(each.shown), each.request_id))
    return f"{each.at.isoformat()}\t{texts.translate(ESCAPES)}\n"


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Until `stop` is set, at most so long."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
