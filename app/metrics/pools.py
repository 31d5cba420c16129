"""Connections to PostgreSQL by pool: how many there are and work, who waits for one, who was refused.

    read         reads of the API that are no look-up of one resource (app.pools.read_pool)
    look_up      hot reads, on pipelined lines (app.pipelined); a line carries many at once
    write        operators' writes (app.pools.write_pool)
    session      other writes (the engine of SQLAlchemy, which tells neither who waits nor whom it refused)
    budget       what is counted against budgets (app.budgets)

A pool lives in one process. Each process notes its own every few seconds, so that whichever answers tells the sum.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

EVERY_SECONDS = 5.0


class Standing(NamedTuple):
    """One pool now. `refused`: how many got no connection since it was opened; None where nobody counts that."""

    most: int
    open: int
    busy: int
    waiting: int | None
    refused: int | None


class Source(Protocol):
    """Anything that tells how its connections stand."""

    def standing(self) -> Standing: ...


class PoolOfPsycopg:
    """A pool of psycopg, as a source."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    def standing(self) -> Standing:
        told = self._pool.get_stats()
        size = told.get("pool_size", 0)
        free, waiting = told.get("pool_available", 0), told.get("requests_waiting", 0)
        return Standing(self._pool.max_size, size, max(size - free, 0), waiting, told.get("requests_errors", 0))


class PoolOfEngine:
    """The pool of an engine of SQLAlchemy, as a source."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def standing(self) -> Standing:
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)  # noqa: S101 - what create_async_engine makes of a pool_size
        busy = pool.checkedout()
        return Standing(pool.size() + pool._max_overflow, busy + pool.checkedin(), busy, None, None)  # noqa: SLF001 - told nowhere else


class Pools:
    """The pools of one app. `watch` them while they are open."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(name, meaning, ["pool"], registry=registry, multiprocess_mode="livesum")

        self._limit = gauge("annuaire_pool_limit", "Connections that a pool may open")
        self._open = gauge("annuaire_pool_connections", "Connections that a pool has open")
        self._busy = gauge("annuaire_pool_busy_connections", "Those that somebody uses, or that are being opened")
        self._waiting = gauge("annuaire_pool_waiting", "Requests that wait for a connection")
        self._refused = Counter(
            "annuaire_pool_refused", "Requests that got no connection in time", ["pool"], registry=registry
        )
        self._sources: dict[str, Source] = {}
        self._told: dict[str, int] = {}

    def note(self) -> None:
        """Take down how every pool stands now."""
        for name, source in self._sources.items():
            now = source.standing()
            self._limit.labels(name).set(now.most)
            self._open.labels(name).set(now.open)
            self._busy.labels(name).set(now.busy)
            if now.waiting is not None:
                self._waiting.labels(name).set(now.waiting)
            if now.refused is not None:
                self._refused.labels(name).inc(max(now.refused - self._told.get(name, 0), 0))
                self._told[name] = now.refused

    @asynccontextmanager
    async def watched(self, **sources: Source) -> AsyncIterator[None]:
        """Take down how these stand, now and then, until they are closed."""
        self._sources, self._told = sources, {}
        task = asyncio.create_task(self._note_on())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._sources = {}

    async def _note_on(self) -> None:
        while True:
            self.note()
            await asyncio.sleep(EVERY_SECONDS)
