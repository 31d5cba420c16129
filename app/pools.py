"""The API's connections to PostgreSQL: pools of psycopg, the engine of SQLAlchemy, and the one way to a transaction.

Reads that are hot have lines of their own (app.pipelined); other reads and operators' writes use pools with prepared
statements; single-row writes use a SQLAlchemy session that is committed at the edge, before the response leaves
(`Transaction`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any

import psycopg
from fastapi import Depends, Request
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.db import CONNECT_SECONDS, READ_ONLY, libpq_url, session, sqlalchemy_url
from app.patience import PatientConnection, require_open
from app.schema.program import application
from app.settings import Settings
from app.tracing.statements import TracedCursor

# A single write over REST waits so long for a row that an import holds, then answers `write.busy`.
WRITE_LOCK_MS = 2_000
# How long a request waits for a connection of a pool.
POOL_SECONDS = 5
# So many requests wait for a connection of a pool, for each that it has.
WAITING_A_CONNECTION = 32

# Asked of a new connection, which is not used when it raises psycopg.OperationalError.
Require = Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]


def open_engine(settings: Settings) -> AsyncEngine:
    """The engine of the API's writes: none of them waits longer than WRITE_LOCK_MS for a lock."""
    return create_async_engine(
        sqlalchemy_url(settings.database_url),
        pool_size=settings.database_pool,
        pool_timeout=POOL_SECONDS,
        # Few writes come here: a question to the server before each costs less than a lost one.
        pool_pre_ping=True,
        # An error must not carry what somebody wrote.
        hide_parameters=True,
        connect_args={
            "options": session(statement_timeout=settings.statement_timeout_ms, lock_timeout=WRITE_LOCK_MS),
            "application_name": application("annuaire-api"),
            "connect_timeout": CONNECT_SECONDS,
            "async_creator_fn": partial(_connected, settings),
        },
    )


async def _connected(settings: Settings, *given: Any, **named: Any) -> PatientConnection:
    connection = await PatientConnection.connect(*given, **named)
    _prepare(connection, settings)
    return connection


def _prepare(connection: PatientConnection, settings: Settings) -> None:
    connection.longest = _longest(settings)
    if settings.traces_url is not None:
        connection.cursor_factory = TracedCursor


def _longest(settings: Settings) -> float | None:
    """Seconds that a statement may take; None = as long as it likes."""
    return settings.statement_timeout_ms / 1_000 or None


def read_pool(
    settings: Settings, url: str | None = None, require: Require | None = None
) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    """Connections for reads: autocommit (one statement is one snapshot), every statement prepared at first use."""
    return _pool(settings, settings.database_pool, READ_ONLY, url, require)


def state_pool(settings: Settings) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    """The connection of /readyz and /metrics: whoever watches a node must not wait behind those who load it."""
    return _pool(settings, 1, READ_ONLY, most=1)


def counting_pool(settings: Settings) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    """Connections that count what was shown to whom: opened as they are needed, never waiting for the disk."""
    return _pool(settings, 1, {"synchronous_commit": "off", "lock_timeout": WRITE_LOCK_MS})


def write_pool(settings: Settings) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    """Connections of operators' writes: opened as they are needed, none waits longer than WRITE_LOCK_MS for a lock.

    Plans are made once, by keys: a portion of a batch is a thousand times one write (ADR 0009).
    """
    plans = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
    return _pool(settings, 1, {"lock_timeout": WRITE_LOCK_MS, **plans})


def _pool(
    settings: Settings,
    least: int,
    parameters: Mapping[str, object],
    url: str | None = None,
    require: Require | None = None,
    most: int | None = None,
) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    """Of the database `url`, by default the primary; `most` connections, by default those of the settings."""

    async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.set_autocommit(True)
        connection.prepare_threshold = 0
        assert isinstance(connection, PatientConnection)  # noqa: S101 - the class that the pool was given
        _prepare(connection, settings)
        if require is not None:
            await require(connection)

    async def check(connection: psycopg.AsyncConnection[Any]) -> None:
        await _require_open(pool, connection)

    pool = AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]](
        libpq_url(url or settings.database_url),
        connection_class=PatientConnection,
        min_size=least,
        max_size=most or settings.database_pool,
        open=False,
        timeout=POOL_SECONDS,
        # Its pauses double from attempt to attempt: it gives up soon, and is told to begin anew.
        reconnect_timeout=POOL_SECONDS,
        reconnect_failed=_begin_anew,
        # Beyond, one more is refused at once: it would wait in vain, with all that it brought in memory.
        max_waiting=settings.database_pool * WAITING_A_CONNECTION,
        configure=configure,
        # After a restart or a failover each of them would cost somebody a request.
        check=check,
        kwargs={
            "application_name": application("annuaire-api"),
            "connect_timeout": CONNECT_SECONDS,
            "options": session(statement_timeout=settings.statement_timeout_ms, **parameters),
        },
    )
    return pool


async def _require_open(pool: AsyncConnectionPool[Any], connection: psycopg.AsyncConnection[Any]) -> None:
    try:
        await require_open(connection)
    except psycopg.OperationalError:
        # The server ended the others too, most likely. The pool would find out one by one, ever more slowly.
        await pool.drain()
        raise


async def _begin_anew(pool: AsyncConnectionPool[Any]) -> None:
    await pool.check()


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction: committed when the route returned, rolled back when it raised."""
    async with AsyncSession(request.app.state.engine, expire_on_commit=False) as session, session.begin():
        yield session


# Function scope commits before the response leaves: a failed commit is an error, not a 201.
Transaction = Annotated[AsyncSession, Depends(transaction, scope="function")]
