"""Whether this node is alive and ready, and where what it measures is shown (app.metrics)."""

from collections.abc import Sequence

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from psycopg_pool import PoolTimeout
from pydantic import BaseModel

from app.lag import Lag, judged
from app.metrics import Metrics
from app.metrics.directory import DIRECTORY, State
from app.metrics.reading import split
from app.problems import NotReady, documented
from app.schema.program import VERSION
from app.schema.standing import Standing, scripts
from app.standby.measured import shown
from app.standby.watch import State as StandbyState
from app.standby.watch import Watch

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: str = "ok"


class Ready(BaseModel):
    """`version` is that of the code, `schema_version` that of the database, which may be newer.

    `domain_rule` is off until a white list was imported: mailboxes of any domain are published then.

    `late`: the channels that lag beyond their limit. The node answers all the same; `annuaire doctor` says more.
    `standby`: whether the replica that the settings name is read, or why not; null where they name none.
    """

    status: str = "ready"
    version: str
    edition: int
    schema_version: str
    domain_rule: str
    pending: int
    late: list[str]
    standby: StandbyState | None


def schema_head() -> Sequence[str]:
    """The revisions that this code expects of the database."""
    return scripts().get_heads()


@router.get("/healthz")
async def read_health() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz", responses=documented(NotReady))
async def read_readiness(request: Request) -> Ready:
    """The database answers and has a schema that serves this code; also: is the rule of domains on?"""
    state, lag = await _directory(request)
    if not Standing(tuple(state.versions), state.promise).serves(request.app.state.schema_head):
        raise NotReady(
            "The schema of the database does not serve this code: run annuaire db upgrade, or, when a newer annuaire "
            "made it, that one."
        )
    watch = _standby(request)
    return Ready(
        version=VERSION,
        edition=state.edition,
        schema_version=",".join(state.versions),
        domain_rule="on" if state.has_white_list else "off",
        pending=state.pending,
        late=[late.channel for late in judged(lag, request.app.state.settings)],
        standby=watch and watch.state,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def read_metrics(request: Request) -> Response:
    """Counters in the text form of Prometheus. It answers without a database too, and says so."""
    metrics: Metrics = request.app.state.metrics
    request.app.state.places.show()
    text = await metrics.exposition(request.app.state.arrivals.waiting, shown(_standby(request)))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _standby(request: Request) -> Watch | None:
    watch: Watch | None = request.app.state.standby
    return watch


async def _directory(request: Request) -> tuple[State, Lag]:
    """State and lag of the directory. Raises NotReady."""
    try:
        async with request.app.state.state_pool.connection() as connection:
            row = await (await connection.execute(DIRECTORY)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as missing:
        raise NotReady("The database has not the schema of this code: run annuaire db upgrade.") from missing
    except (psycopg.OperationalError, PoolTimeout) as failure:
        raise NotReady("The database does not answer.") from failure
    if row is None:
        raise NotReady("The database was not set up: run annuaire db upgrade.")
    return split(row)
