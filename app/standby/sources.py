"""Who answers a read of the publication: a streaming replica where there is one that may, else the primary.

    request ─► what it demands ─► replica is read? ─► its answer names its edition ─► new enough? ─► served
                     │                 │ no                                              │ no
                     └─ the primary ◄──┴─────────────────────────────────────────────────┘

Nothing is asked of a database to choose: the answer itself says its edition, and one that is older than it may be is
thrown away. So it does not matter which of several replicas a connection leads to. A read that fails at the replica,
or that the replica refuses, is made again at the primary, whose word counts; one that takes too long, or finds the
replica's queue full, is not, since the primary would not be spared by it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from app.pipelined import Reads
from app.problems import Problem
from app.standby.demand import least_edition
from app.standby.freshness import Freshness

PRIMARY, STANDBY = "primary", "standby"
# Why the primary answers: it was asked for; the replica is not read, brought what is too old, failed, or refused.
ASKED, AWAY, OLDER, FAILED, REFUSED = "asked", "away", "older", "failed", "refused"


class Left(Exception):
    """The replica is not waited for any longer."""


class Source(NamedTuple):
    """A database that answers reads: `name` is PRIMARY or STANDBY."""

    name: str
    reads: Reads
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]


class Dated(Protocol):
    """What a read brings: it says of which edition it is."""

    @property
    def edition(self) -> int: ...


Answer = TypeVar("Answer", bound=Dated)


class Standby:
    """The replica as it is used here. `is_read` is set by whoever watches it (app.standby.watch)."""

    def __init__(self, source: Source, freshness: Freshness) -> None:
        self.source, self.freshness = source, freshness
        self.is_read = False
        # Its connections may be broken, those of the pool too.
        self.is_left = False
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left: set[asyncio.Task[Any]] = set()

    def admit(self) -> None:
        """It is read from now on."""
        self.is_read = True
        if self._gone.done():
            self._gone = asyncio.get_running_loop().create_future()

    def leave(self, why: str) -> None:
        """It does not answer: nobody waits for it any longer, and its connections are made anew."""
        self.is_read, self.is_left = False, True
        if not self._gone.done():
            self._gone.set_result(None)
        self.source.reads.give_up(psycopg.OperationalError(f"the replica is left: {why}"))

    async def asked(self, work: Callable[[Source], Awaitable[Answer]]) -> Answer:
        """Its answer. Raises Left as soon as it is left: a connection that is stuck holds up nobody but itself."""
        task: asyncio.Task[Answer] = asyncio.create_task(_awaited(work(self.source)))
        waited: set[asyncio.Future[Any]] = {task, self._gone}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        self._left.add(task)
        task.add_done_callback(self._forget)
        raise Left

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()


async def _awaited(work: Awaitable[Answer]) -> Answer:
    return await work


class Sources:
    """The primary, and the replica if there is one: then `count` is told of each read STANDBY, or why not."""

    def __init__(self, primary: Source, standby: Standby | None, count: Callable[[str], None]) -> None:
        self.primary, self.standby = primary, standby
        self._count = count

    async def read(
        self, request: Request, work: Callable[[Source], Awaitable[Answer]], *, is_short: bool = False
    ) -> Answer:
        """What `work` reads. It may be called twice, so it must do nothing but read.

        `is_short`: it waits for `reads` alone, which fails by itself when the replica goes away.
        """
        standby = self.standby
        if standby is None:
            return await work(self.primary)
        least = least_edition(request)
        if least is None or not standby.is_read:
            self._count(ASKED if least is None else AWAY)
            return await work(self.primary)
        try:
            answer = await (work(standby.source) if is_short else standby.asked(work))
        except psycopg.errors.QueryCanceled:
            raise
        except Problem:
            outcome = REFUSED
        except (psycopg.Error, Left) as fault:
            outcome = FAILED
            if is_connection_lost(fault):
                standby.leave(str(fault).strip())
        else:
            floor = standby.freshness.floor()
            if floor is not None and answer.edition >= max(floor, least):
                self._count(STANDBY)
                return answer
            outcome = OLDER
        self._count(outcome)
        return await work(self.primary)


def is_connection_lost(fault: Exception) -> bool:
    """Whether the server or the way to it went away: not so when it ended one statement to go on following."""
    if not isinstance(fault, psycopg.OperationalError):
        return False
    return fault.sqlstate is None or fault.sqlstate[:4] == "57P0"


async def read(request: Request, work: Callable[[Source], Awaitable[Answer]], *, is_short: bool = False) -> Answer:
    """What `work` reads of the publication, for this request (Sources.read)."""
    sources: Sources = request.app.state.sources
    return await sources.read(request, work, is_short=is_short)
