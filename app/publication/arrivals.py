"""Waiting for the next change: readers of the feed are woken by PostgreSQL, through one connection of the process.

    publish() ─► NOTIFY annuaire_change ─► one LISTEN, at the primary ─► everybody who waits looks again

The connection is opened with the first who waits, and is none of the pool's: whoever waits holds nothing but a place.
A reader looks for the edition that it was woken for, so that no replica which lacks it answers; where one is about to
have it, readers are woken a moment later and find it there. Places are few, and no caller takes more than a share of
them. A notification that is lost costs time alone: at the end of its patience a reader looks again in any case.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus

import psycopg
import structlog

from app.db import libpq_url, session
from app.faults import fault
from app.problems import Problem
from app.settings import Settings

logger = structlog.get_logger(__name__)

Reached = Callable[[int], Awaitable[None]]

# One caller may take a place out of so many.
SHARE = 4
RETRY_SECONDS = 5
# The connection that listens comes back after this, and a reader that was woken for nothing looks again no sooner.
PAUSE_SECONDS, QUIET_SECONDS = 1.0, 0.2


class TooManyWaiting(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "feed.too_many_waiting"
    title = "Too many wait for the next change"


class Arrivals:
    """The places of those who wait, and the one connection that wakes them."""

    def __init__(self, settings: Settings) -> None:
        self._url = libpq_url(settings.database_url)
        self._reached: Reached | None = None
        # The newest that is known here, while somebody listens.
        self.edition = 0
        self._places = settings.feed_waiters
        self._taken: Counter[str] = Counter()
        self._news = asyncio.Event()
        self._listening = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def kept(self, reached: Reached | None = None) -> AsyncIterator[None]:
        """While the app serves. At its end nobody listens any more. `reached` waits until a replica has an edition."""
        self._reached = reached
        try:
            yield
        finally:
            if self._listener is not None:
                self._listener.cancel()
                with suppress(asyncio.CancelledError):
                    await self._listener

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._taken.total()

    @contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """A place to wait in. Raises TooManyWaiting when all are taken, or this caller's share is."""
        if self._taken.total() >= self._places or self._taken[caller] >= max(1, self._places // SHARE):
            raise TooManyWaiting("Ask without `wait`, or again in a moment.", retry_after=RETRY_SECONDS)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            # A counter keeps names of callers that wait no more.
            self._taken += Counter()

    async def listen(self, seconds: float) -> None:
        """Come back when notifications arrive here, or the time is over: what is committed afterwards wakes `news`."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="feed-arrivals")
        await _within(self._listening, seconds)

    @property
    def news(self) -> asyncio.Event:
        """Set by the next notification. Take it before you look: what comes meanwhile is not missed."""
        return self._news

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Come back when `news` is set, or the time is over."""
        await _within(news, seconds)

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=10,
                    application_name="annuaire-api-feed",
                    options=session(),
                ) as connection:
                    await connection.execute("LISTEN annuaire_change")
                    # What was committed before now wakes nobody.
                    row = await (await connection.execute("SELECT edition FROM directory")).fetchone()
                    self._tell(row[0] if row else 0)
                    self._listening.set()
                    async for notification in connection.notifies():
                        edition = int(notification.payload)
                        if self._reached is not None:
                            await self._reached(edition)
                        self._tell(edition)
            except psycopg.OperationalError as error:
                logger.warning("nobody is woken by the feed for a moment", error=fault(error))
            self._listening.clear()
            self._tell(self.edition)
            await asyncio.sleep(PAUSE_SECONDS)

    def _tell(self, edition: int) -> None:
        """Wake everybody who waits now, for this edition; who comes later waits for the next."""
        self.edition = edition
        self._news.set()
        self._news = asyncio.Event()


async def _within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
