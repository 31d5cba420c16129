"""Whether this node is alive, ready, and what it measures. No metric carries an id, an address or a name."""

import math
import os
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from psycopg_pool import PoolTimeout
from pydantic import BaseModel

from app.lag import MEASURE, Lag, judged
from app.problems import NotReady, documented
from app.schema.program import VERSION
from app.schema.standing import Standing, scripts
from app.settings import Settings

router = APIRouter(tags=["health"])

STATE = """
SELECT d.edition, coalesce((SELECT loaded FROM source WHERE name = 'liste_blanche'), false),
       ARRAY(SELECT version_num FROM alembic_version), (SELECT count(*) FROM pending),
       obj_description('alembic_version'::regclass, 'pg_class')
FROM directory d
"""
# Where several processes keep their counters together (prometheus_client reads it at import; see app.serving).
SHARED_COUNTERS = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
CHANNELS = ("publication", "ldap", "digest", "snapshot", "push")
WEBHOOK_STATES = ("active", "failing", "disabled")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Alive(BaseModel):
    status: str = "ok"


class Ready(BaseModel):
    """`version` is that of the code, `schema_version` that of the database, which may be newer.

    `domain_rule` is off until a white list was imported: mailboxes of any domain are published then.

    `late`: the channels that lag beyond their limit. The node answers all the same; `annuaire doctor` says more.
    """

    status: str = "ready"
    version: str
    edition: int
    schema_version: str
    domain_rule: str
    pending: int
    late: list[str]


class State(NamedTuple):
    """What the database says of itself: edition, white list in force, revisions of its schema, ids that wait.

    `promise`: which other code the schema serves (app.schema.standing).
    """

    edition: int
    has_white_list: bool
    versions: list[str]
    pending: int
    promise: str | None


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
        self._edition = self._gauge("annuaire_edition", "Edition of the directory")
        self._pending = self._gauge("annuaire_pending", "Ids that wait to be published")
        self._editions = self._gauge("annuaire_channel_edition", "Edition that a channel holds", ["channel"])
        self._lag = self._gauge("annuaire_channel_lag_seconds", "Age of the oldest that it does not hold", ["channel"])
        self._late = self._gauge("annuaire_channel_late", "1 = its lag is beyond its limit", ["channel"])
        self._ldap_seen = self._gauge("annuaire_ldap_seen_seconds", "Since the worker last saw the tree")
        self._kept = self._gauge("annuaire_feed_kept_seconds", "Age of the oldest change in the feed")
        self._absent = self._gauge("annuaire_snapshot_absent_seconds", "Since when withdrawn files have no successor")
        self._webhooks = self._gauge("annuaire_webhooks", "Webhooks by state", ["state"])
        self._waiters = self._gauge("annuaire_feed_waiters", "Readers that wait for the next change here")

    def _gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        # What is set for one exposition: of several processes, the one that answers now.
        return Gauge(name, meaning, labels, registry=self.registry, multiprocess_mode="mostrecent")

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. Labels must stay few, so a method that we do not serve is `other`."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def exposition(self, state: State, lag: Lag, late: Collection[str], waiters: int) -> bytes:
        """The text form. A channel that does not lag is at zero; age of files that were never made is not a number."""
        self._edition.set(state.edition)
        self._pending.set(state.pending)
        self._waiters.set(waiters)
        editions = {"ldap": lag.ldap_edition, "digest": lag.digest_edition, "snapshot": lag.snapshot_edition}
        for channel, edition in editions.items():
            self._editions.labels(channel).set(edition)
        for channel in CHANNELS:
            self._lag.labels(channel).set(getattr(lag, channel) or 0)
            self._late.labels(channel).set(channel in late)
        self._ldap_seen.set(math.nan if lag.ldap_seen is None else lag.ldap_seen)
        self._absent.set(lag.snapshot_absent or 0)
        self._kept.set(lag.feed_kept or 0)
        for each in WEBHOOK_STATES:
            self._webhooks.labels(each).set(getattr(lag, f"webhooks_{each}"))
        if SHARED_COUNTERS not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


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
    state = await _state(request)
    if not Standing(tuple(state.versions), state.promise).serves(request.app.state.schema_head):
        raise NotReady(
            "The schema of the database does not serve this code: run annuaire db upgrade, or, when a newer annuaire "
            "made it, that one."
        )
    return Ready(
        version=VERSION,
        edition=state.edition,
        schema_version=",".join(state.versions),
        domain_rule="on" if state.has_white_list else "off",
        pending=state.pending,
        late=_late(request, await _lag(request)),
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def read_metrics(request: Request) -> Response:
    """Counters in the text form of Prometheus."""
    state, lag = await _state(request), await _lag(request)
    metrics: Metrics = request.app.state.metrics
    shown = metrics.exposition(state, lag, _late(request, lag), request.app.state.arrivals.waiting)
    return Response(shown, media_type=CONTENT_TYPE_LATEST)


async def _state(request: Request) -> State:
    return State(*await _row(request, STATE))


async def _lag(request: Request) -> Lag:
    return Lag(*await _row(request, MEASURE))


def _late(request: Request, lag: Lag) -> list[str]:
    settings: Settings = request.app.state.settings
    return [late.channel for late in judged(lag, settings)]


async def _row(request: Request, statement: str) -> tuple[Any, ...]:
    """The one row of a statement about the directory. Raises NotReady."""
    try:
        async with request.app.state.pool.connection() as connection:
            row: tuple[Any, ...] | None = await (await connection.execute(statement)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as missing:
        raise NotReady("The database has not the schema of this code: run annuaire db upgrade.") from missing
    except (psycopg.OperationalError, PoolTimeout) as failure:
        raise NotReady("The database does not answer.") from failure
    if row is None:
        raise NotReady("The database was not set up: run annuaire db upgrade.")
    return row
