"""Whether this node is alive, ready, and what it measures. No metric carries an id, an address or a name."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from psycopg_pool import PoolTimeout
from pydantic import BaseModel

from app.db import alembic_config
from app.problems import NotReady, documented

router = APIRouter(tags=["health"])

STATE = """
SELECT d.edition, coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false),
       ARRAY(SELECT version_num FROM alembic_version), (SELECT count(*) FROM pending)
FROM directory d
"""
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Alive(BaseModel):
    status: str = "ok"


class Ready(BaseModel):
    """`domain_rule` is off until a white list was imported: mailboxes of any domain are published then."""

    status: str = "ready"
    edition: int
    schema_version: str
    domain_rule: str
    pending: int


class State(NamedTuple):
    """What the database says of itself: edition, white list in force, revisions of its schema, ids that wait."""

    edition: int
    has_white_list: bool
    versions: list[str]
    pending: int


class Metrics:
    """The counters of one app. Each app has its own registry, so that several may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "annuaire_http_requests",
            "Requests by route template",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "annuaire_http_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=self.registry
        )
        self._edition = Gauge("annuaire_edition", "Edition of the directory", registry=self.registry)
        self._pending = Gauge("annuaire_pending", "Ids that wait to be published", registry=self.registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. Labels must stay few, so a method that we do not serve is `other`."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def exposition(self, edition: int, pending: int) -> bytes:
        self._edition.set(edition)
        self._pending.set(pending)
        return generate_latest(self.registry)


def schema_head() -> Sequence[str]:
    """The revisions that this code expects of the database."""
    return ScriptDirectory.from_config(alembic_config("postgresql://")).get_heads()


@router.get("/healthz")
async def read_health() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz", responses=documented(NotReady))
async def read_readiness(request: Request) -> Ready:
    """The database answers and has the schema of this code; also: is the rule of domains on?"""
    state = await _state(request)
    if sorted(state.versions) != sorted(request.app.state.schema_head):
        raise NotReady("The schema of the database is not that of this code: run annuaire db upgrade.")
    return Ready(
        edition=state.edition,
        schema_version=",".join(state.versions),
        domain_rule="on" if state.has_white_list else "off",
        pending=state.pending,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def read_metrics(request: Request) -> Response:
    """Counters in the text form of Prometheus."""
    state = await _state(request)
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.exposition(state.edition, state.pending), media_type=CONTENT_TYPE_LATEST)


async def _state(request: Request) -> State:
    try:
        async with request.app.state.pool.connection() as connection:
            row = await (await connection.execute(STATE)).fetchone()
    except psycopg.errors.UndefinedTable as missing:
        raise NotReady("The database has no schema yet: run annuaire db upgrade.") from missing
    except (psycopg.OperationalError, PoolTimeout) as failure:
        raise NotReady("The database does not answer.") from failure
    if row is None:
        raise NotReady("The database was not set up: run annuaire db upgrade.")
    return State(*row)
