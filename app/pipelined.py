"""One-row reads, many at once: prepared statements in libpq's pipeline mode, on a few connections of their own.

    reads of one turn of the loop ─► queue ─► an idle line: one send ─► PostgreSQL ─► one receive ─► to each its row

A pool hands out a connection to each read, and waits for its socket anew each time: that costs an API three times what
PostgreSQL takes for the row. Here the sockets are watched all the time, and whatever is asked while a line is busy goes
out together, as one transaction of single statements. Nothing is shared between two reads but the way: each is its own
statement with its own snapshot.

A line that fails fails those on it, and connects again by itself. A statement that fails fails what stands behind it in
its portion too: only a server in trouble fails one of ours.
"""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog
from psycopg import Error, OperationalError
from psycopg.pq.abc import PGresult
from psycopg_pool import PoolTimeout, TooManyRequests

from app.faults import fault
from app.metrics.pools import Standing
from app.pipelined_line import Asked, Line
from app.pools import WAITING_A_CONNECTION, Require
from app.settings import Settings
from app.tracing import is_heard, span
from app.tracing.statements import SYSTEM

# Two, so that one at work, or lost, never holds everybody up.
LINES = 2
# The last of a portion waits for the first.
MOST_AT_ONCE = 64
PATIENCE = 5.0
LOOK_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

logger = structlog.get_logger(__name__)


class Statement(NamedTuple):
    """SQL with `$1`, `$2`… as parameters, and the name under which each line prepares it once."""

    name: bytes
    sql: bytes


class Reads:
    """The hot reads of one process, of the primary or of another database; `require` refuses a connection to it."""

    def __init__(self, settings: Settings, url: str | None = None, require: Require | None = None) -> None:
        self._most = settings.database_pool * WAITING_A_CONNECTION
        self._queue: deque[Asked] = deque()
        self._lines = [
            Line(settings, url or settings.database_url, self._hand_out, self._lost, require) for _ in range(LINES)
        ]
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_called = False
        self._refused = 0

    def open(self) -> None:
        """Connect, in the background: the app starts without a database too."""
        for line in self._lines:
            self._lost(line)
        self._keep(self._look())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines:
            line.close(OperationalError("the API ends"))

    def standing(self) -> Standing:
        """How the lines stand, for the metrics; a line carries many reads at once."""
        there = [line for line in self._lines if line.is_open]
        busy = sum(not line.is_idle for line in there)
        return Standing(LINES, len(there), busy, len(self._queue), self._refused)

    async def one(self, statement: Statement, *parameters: bytes) -> PGresult:
        """What a statement answers, as the bytes that PostgreSQL sent.

        Raises psycopg.Error of that statement or its line; TooManyRequests or PoolTimeout where no line comes to it.
        """
        if len(self._queue) >= self._most:
            self._refused += 1
            raise TooManyRequests(f"{self._most} reads are waiting for PostgreSQL")
        loop = asyncio.get_running_loop()
        asked = Asked(statement.name, statement.sql, parameters, loop.create_future(), time.monotonic())
        self._queue.append(asked)
        if not self._is_called:
            # At the end of this turn: until then, others come along.
            self._is_called = True
            loop.call_soon(self._hand_out)
        return await asked.answer

    def give_up(self, reason: OperationalError) -> None:
        """Leave the server: whoever waits is told the reason at once, and every line connects again."""
        waiting, self._queue = self._queue, deque()
        for asked in waiting:
            with suppress(asyncio.InvalidStateError):
                asked.answer.set_exception(reason)
        for line in self._lines:
            line.give_up(reason)

    def _hand_out(self) -> None:
        self._is_called = False
        for line in self._lines:
            if not self._queue:
                return
            if line.is_idle:
                line.send(self._portion())

    def _portion(self) -> Sequence[Asked]:
        return [self._queue.popleft() for _ in range(min(MOST_AT_ONCE, len(self._queue)))]

    def _lost(self, line: Line) -> None:
        self._keep(self._connect(line))

    async def _connect(self, line: Line) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await line.connect()
            except (Error, OSError) as error:
                logger.warning("hot reads have no connection", error=fault(error), pause_s=pause)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            else:
                self._hand_out()
                return

    async def _look(self) -> None:
        """Nobody waits for ever: neither for a line, nor on one whose server went away without a word."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            while self._queue and now - self._queue[0].at > PATIENCE:
                asked = self._queue.popleft()
                self._refused += 1
                with suppress(asyncio.InvalidStateError):
                    asked.answer.set_exception(PoolTimeout(f"no connection for a read within {PATIENCE:.0f} s"))
            for line in self._lines:
                line.require_alive(now)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class TracedReads(Reads):
    """The same, with a span for each read within a request that is traced: under the name of its statement."""

    async def one(self, statement: Statement, *parameters: bytes) -> PGresult:
        if not is_heard():
            return await super().one(statement, *parameters)
        name = statement.name.decode()
        with span(f"prepared {name}", {"db.system.name": SYSTEM, "db.query.summary": name}, kind="client"):
            return await super().one(statement, *parameters)


def reads_of(settings: Settings, url: str | None = None, require: Require | None = None) -> Reads:
    """The hot reads; traced only where traces are kept, so that nobody else pays for them."""
    return (Reads if settings.traces_url is None else TracedReads)(settings, url, require)
