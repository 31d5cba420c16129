"""Whether the replica is read: looked at by a clock of its own, through the very connections that reads use.

| state | the replica | is read |
|---|---|---|
| read | has what the primary had a limit ago, or more | yes |
| behind | lacks something that old | no |
| silent | does not answer, or cannot be reached | no |
| foreign | holds another history: another epoch | no |
| unmeasured | nobody knows: the primary says nothing | no |

A replica is believed for one limit after the primary's last word, and no longer: beyond, it might show somebody whom
the primary hides.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, NamedTuple

import psycopg
import structlog
from psycopg_pool import PoolTimeout, TooManyRequests

from app.db import also_of_replicas, libpq_url, session
from app.pipelined import Statement, reads_of
from app.pools import read_pool
from app.settings import Settings
from app.standby.freshness import Freshness
from app.standby.sources import STANDBY, Source, Standby

logger = structlog.get_logger(__name__)

State = Literal["read", "behind", "silent", "foreign", "unmeasured"]
# So many looks in the time of the limit; and so much of it is a look waited for.
LOOKS, PATIENCE = 10, 0.25
# How often it is asked whether the replica has what readers of the feed wait for, and how long at most.
REACHING_SECONDS, REACHED_WITHIN = 0.01, 0.25
DOCTOR_SECONDS = 5
LOOK = Statement(b"standby_look", b"SELECT edition, epoch FROM directory")
EPOCH = "SELECT epoch FROM directory"


class Seen(NamedTuple):
    """What a server answered to a look."""

    edition: int
    epoch: str


class History:
    """Refuses connections to a server that holds another history than the primary."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness
        self.is_other = False

    async def require(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Raises psycopg.OperationalError, also as long as nobody knows which history is ours."""
        try:
            await self._require(connection)
        except psycopg.Error:
            await connection.close()
            raise

    async def _require(self, connection: psycopg.AsyncConnection[Any]) -> None:
        row = await (await connection.execute(EPOCH)).fetchone()
        ours = self._freshness.epoch
        self.is_other = ours is not None and row is not None and row[0] != ours
        if ours is None or row is None or self.is_other:
            raise psycopg.OperationalError(
                "the replica holds another history, or the primary does not say which is ours"
            )


class Watch:
    """Looks at the primary and at its replica, and says of the replica whether it is read."""

    def __init__(self, primary: Source, standby: Standby, history: "History", settings: Settings) -> None:
        self._primary, self._history = primary, history
        self.standby = standby
        self._limit = settings.read_lag_ms / 1_000
        self.state: State = "unmeasured"
        self.edition = 0

    @property
    def lag(self) -> float:
        """Seconds since which the replica lacks something, as far as is known."""
        return self.standby.freshness.lag(self.edition)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While the app serves."""
        watching = asyncio.create_task(self._watch(), name="standby-watch")
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def look(self) -> None:
        """Look once, and judge."""
        asked_at = time.monotonic()
        told, held = await asyncio.gather(self._asked(self._primary), self._asked(self.standby.source))
        if told is not None and self.standby.freshness.saw(asked_at, *told):
            self.standby.leave("another history begins")
        state = self._judged(held)
        if state in {"silent", "foreign"} and self.standby.is_read:
            self.standby.leave(state)
        if self.standby.is_left:
            await self.standby.source.pool.drain()
            self.standby.is_left = False
        if state == "read":
            self.standby.admit()
        else:
            self.standby.is_read = False
        if state != self.state:
            logger.warning("the replica is judged anew", state=state, before=self.state)
        self.state = state

    async def learn(self) -> None:
        """Which history is ours, before the replica is connected to; later, where the primary does not answer now."""
        asked_at = time.monotonic()
        if told := await self._asked(self._primary):
            self.standby.freshness.saw(asked_at, *told)

    async def reached(self, edition: int) -> None:
        """Come back when the replica holds this edition, or is not waited for: readers then find it there."""
        end = time.monotonic() + REACHED_WITHIN
        while self.standby.is_read and time.monotonic() < end:
            held = await self._asked(self.standby.source)
            if held is None or held.edition >= edition:
                return
            await asyncio.sleep(REACHING_SECONDS)

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._limit / LOOKS)

    def _judged(self, held: Seen | None) -> State:
        freshness = self.standby.freshness
        floor = freshness.floor()
        if held is None:
            return "foreign" if self._history.is_other else "silent"
        self.edition = held.edition
        if floor is None:
            return "unmeasured"
        if held.epoch != freshness.epoch:
            return "foreign"
        return "read" if held.edition >= floor else "behind"

    async def _asked(self, source: Source) -> Seen | None:
        """What a server holds; None when it does not say so in time."""
        try:
            async with asyncio.timeout(self._limit * PATIENCE):
                result = await source.reads.one(LOOK)
        except (psycopg.Error, PoolTimeout, TooManyRequests, TimeoutError):
            return None
        edition, epoch = (result.get_value(0, column) or b"" for column in (0, 1))
        return Seen(int(edition), epoch.decode())


def held_by(url: str) -> Seen:
    """What the server at this address holds. Raises psycopg.Error."""
    with psycopg.connect(
        libpq_url(url), autocommit=True, connect_timeout=DOCTOR_SECONDS, options=session()
    ) as connection:
        return Seen(*(connection.execute(LOOK.sql).fetchone() or (0, "")))


@asynccontextmanager
async def opened(settings: Settings, primary: Source) -> AsyncIterator[Watch | None]:
    """The replica of the settings, with its connections, while the app serves; None where there is none."""
    if settings.read_database_url is None:
        yield None
        return
    freshness = Freshness(settings.read_lag_ms / 1_000)
    history = History(freshness)
    url = also_of_replicas(settings.read_database_url)
    reads = reads_of(settings, url, history.require)
    pool = read_pool(settings, url, history.require)
    watch = Watch(primary, Standby(Source(STANDBY, reads, pool), freshness), history, settings)
    await watch.learn()
    reads.open()
    await pool.open(wait=False)
    try:
        async with watch.kept():
            yield watch
    finally:
        await reads.close()
        await pool.close()
