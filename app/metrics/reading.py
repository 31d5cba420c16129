"""What the database tells, in three statements on a connection of their own.

Of its own, so that a pool without a free connection is seen, not suffered. One scrape reads at a time. Each statement
is bounded, and fails by itself: what waits for a lock of an import must not hide who holds it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import structlog
from prometheus_client.metrics_core import Metric

from app.db import READ_ONLY, libpq_url, session
from app.lag import Lag, judged
from app.metrics import budgets, credentials, database, directory, imports, trail, worker
from app.metrics.directory import State
from app.metrics.measured import Gauge
from app.schema.standing import Standing
from app.settings import Settings

CONNECT_SECONDS = 2
STATEMENT_MS = 2_000
SUBJECTS = (imports.WATCHED, budgets.WATCHED, credentials.WATCHED, trail.WATCHED, worker.WATCHED)
WATCHED = f"SELECT {', '.join(f'({subject.sql})' for subject in SUBJECTS)}"

UP = Gauge("annuaire_database_up", "1 = PostgreSQL answers this API")
CURRENT = Gauge("annuaire_schema_current", "1 = the directory can be read, and its schema serves this code")

logger = structlog.get_logger(__name__)


class Reader:
    """Reads for the metrics of one process."""

    def __init__(self, settings: Settings, schema_head: Sequence[str]) -> None:
        self._settings = settings
        self._schema_head = schema_head
        self._turn = asyncio.Lock()

    async def metrics(self) -> list[Metric]:
        """What the database tells now; where it tells nothing, no more than that."""
        async with self._turn:
            try:
                async with await self._connect() as connection:
                    told = [each async for each in self._read(connection)]
            except (psycopg.OperationalError, OSError) as error:
                logger.warning("the database is not measured", kind=type(error).__name__)
                return [UP.at(False)]
        return [UP.at(True), *told]

    async def _read(self, connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[Metric]:
        if row := await self._row(connection, database.WATCHED.sql):
            for each in database.WATCHED.shown(row[0]):
                yield each
        row = await self._row(connection, directory.DIRECTORY)
        if row is None:
            yield CURRENT.at(False)
        else:
            state, lag = split(row)
            yield CURRENT.at(Standing(tuple(state.versions), state.promise).serves(self._schema_head))
            for each in directory.shown(state, lag, {late.channel for late in judged(lag, self._settings)}):
                yield each
        if values := await self._row(connection, WATCHED):
            for subject, value in zip(SUBJECTS, values, strict=True):
                for each in subject.shown(value):
                    yield each

    async def _row(self, connection: psycopg.AsyncConnection[Any], statement: str) -> tuple[Any, ...] | None:
        """The one row of a statement; None where the schema is another one, or it took too long."""
        try:
            return await (await connection.execute(statement.encode(), parameters(self._settings))).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction):
            return None
        except psycopg.errors.QueryCanceled:
            logger.warning("the database took too long to be measured")
            return None

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            libpq_url(self._settings.database_url),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="annuaire-metrics",
            options=session(statement_timeout=STATEMENT_MS, **READ_ONLY),
        )


def parameters(settings: Settings) -> dict[str, Any]:
    """What the statements of the subjects may use of the settings."""
    return {"anonymous_budget": settings.anonymous_budget, "is_anchored": settings.audit_anchor is not None}


def split(row: tuple[Any, ...]) -> tuple[State, Lag]:
    """The two parts of a row of `directory.DIRECTORY`."""
    return State(*row[: len(State._fields)]), Lag(*row[len(State._fields) :])
