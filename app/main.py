"""The HTTP root. Wiring only: what is served stands with its feature."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI

from app import documentation, health, logs, openapi, problem_answers, signing, tracing
from app.access import audit_routes as audit
from app.access import oauth_routes as oauth
from app.access import routes as access
from app.access.certificates import Certificates
from app.access.consultation import Consultations
from app.access.failures import Failures
from app.access.peppers import Peppers, former_peppers
from app.access.proxy import Proxies
from app.access.rules import guarded
from app.access.usage import Usage
from app.admission import ALWAYS, Admission, Places
from app.body_limit import limited
from app.budgets import headers as budget_headers
from app.budgets.allowance import Budgets
from app.direct import direct
from app.head import HeadAsGet
from app.imports import routes as imports
from app.imports.change_pages import MOST_EXPORTS
from app.imports.spool import Spool
from app.mailboxes import batch_routes as mailbox_batches
from app.mailboxes import own_routes as own_mailboxes
from app.mailboxes import routes as mailboxes
from app.mailboxes import write_routes as mailbox_writes
from app.mailboxes.batch_slots import BatchSlots
from app.metrics import Metrics
from app.metrics.pools import PoolOfEngine, PoolOfPsycopg
from app.metrics.traces import SpansLost
from app.notices import routes as notices
from app.organizations import routes as organizations
from app.paging import Cursors
from app.pipelined import reads_of
from app.pools import open_engine, read_pool, state_pool, write_pool
from app.practitioners import routes as practitioners
from app.publication import digest_routes as digest
from app.publication import routes as publication
from app.publication import snapshot_routes as snapshots
from app.publication.arrivals import Arrivals
from app.publication.feed import FeedCursors
from app.publication.state import Digests
from app.push import routes as push
from app.search import box_routes as one_box
from app.search import check_routes as checking
from app.search import export_routes as exports
from app.search import resolve_routes as resolving
from app.search.check_space import TrustSpaces
from app.search.export_places import ExportPlaces
from app.settings import Settings
from app.standby.measured import Answered
from app.standby.sources import PRIMARY, STANDBY, Source, Sources
from app.standby.watch import Watch
from app.standby.watch import opened as standby
from app.tracing.requests import RequestTrace
from app.transfers import routes as transfers
from app.trust import routes as trust
from app.trust.signing import signer_of
from app.trust.white_list import WhiteLists

# A batch of 1 000 of the longest ids, with room.
LARGEST_BODY = 1_000_000

# The most asked first.
FEATURES = (
    *(mailboxes, practitioners, organizations, publication, digest, mailbox_writes, mailbox_batches, own_mailboxes),
    *(one_box, checking, exports, resolving),
    *(snapshots, push, trust, access, oauth, audit, notices, transfers, imports, signing, health, documentation),
)


def create_app(settings: Settings) -> FastAPI:
    """The API. Raises PepperMissing: without a secret no key can be checked."""
    peppers = Peppers.of(settings)
    logs.configure(settings.log_level)
    app = FastAPI(
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # Its spans bear path and query, which name people (see app.tracing), and asking on each request whether someone
        # collects them costs more than our own metrics.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # Flat and guarded: nested routers cost every request a second matching.
    routes = (route for feature in FEATURES for route in feature.router.routes)
    app.router.routes.extend(guarded(limited(direct(route), LARGEST_BODY)) for route in routes)
    _hold(app, settings, peppers)
    openapi.install(app)
    problem_answers.install(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        logs.RequestLog,
        observe=app.state.metrics.requests.observe,
        note=app.state.consultations.note,
        told=budget_headers.of_request,
        unexpected=problem_answers.unexpected,
    )
    if settings.traces_url is not None:
        app.add_middleware(RequestTrace, trusts=app.state.proxies.vouches, untraced=ALWAYS)
    app.add_middleware(Admission, places=app.state.places)
    return app


def _hold(app: FastAPI, settings: Settings, peppers: Peppers) -> None:
    """What routes reach through the app: no globals."""
    app.state.settings = settings
    app.state.schema_head = health.schema_head()
    app.state.metrics = Metrics(settings, app.state.schema_head)
    app.state.spans_lost = SpansLost(app.state.metrics.registry)
    app.state.reads_answered = Answered(app.state.metrics.registry)
    app.state.places = Places(settings.requests_at_once, app.state.metrics.registry)
    app.state.consultations = Consultations(settings, app.state.metrics.registry)
    app.state.peppers = peppers
    app.state.usage = Usage(peppers.current)
    app.state.proxies = Proxies(settings)
    app.state.failures = Failures(settings)
    app.state.certificates = Certificates(settings, app.state.proxies)
    app.state.cursors = Cursors(settings.key_pepper, *former_peppers(settings))
    app.state.feed_cursors = FeedCursors(app.state.cursors)
    app.state.arrivals = Arrivals(settings)
    app.state.budgets = Budgets(settings)
    app.state.signing = signing.signing_of(settings)
    app.state.digests = Digests(app.state.signing, settings.issuer)
    app.state.white_lists = WhiteLists(signer_of(settings), settings.white_list_contact)
    app.state.trust_spaces = {name: TrustSpaces() for name in (PRIMARY, STANDBY)}
    app.state.spool = Spool(settings.spool_dir, settings.import_upload_limit)
    app.state.exports = CapacityLimiter(MOST_EXPORTS)
    app.state.export_places = ExportPlaces()
    app.state.batches = BatchSlots(settings.database_pool)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Pools are open while the app serves. It starts without a database too, and says so on /readyz."""
    settings: Settings = app.state.settings
    app.state.pool = read_pool(settings)
    app.state.state_pool = state_pool(settings)
    app.state.engine = open_engine(settings)
    app.state.write_pool = write_pool(settings)
    app.state.reads = reads_of(settings)
    await app.state.pool.open(wait=False)
    await app.state.state_pool.open(wait=False)
    app.state.reads.open()
    primary = Source(PRIMARY, app.state.reads, app.state.pool)
    await app.state.write_pool.open(wait=False)
    await app.state.budgets.open()
    try:
        async with (
            _traced(app),
            standby(settings, primary) as app.state.standby,
            app.state.usage.kept(app.state.engine),
            app.state.consultations.kept(),
            app.state.arrivals.kept(app.state.standby and app.state.standby.reached),
            app.state.metrics.pools.watched(
                read=PoolOfPsycopg(app.state.pool),
                look_up=app.state.reads,
                write=PoolOfPsycopg(app.state.write_pool),
                session=PoolOfEngine(app.state.engine),
                budget=PoolOfPsycopg(app.state.budgets.pool),
            ),
        ):
            watch: Watch | None = app.state.standby
            app.state.sources = Sources(primary, watch.standby if watch else None, app.state.reads_answered.count)
            yield
    finally:
        await app.state.write_pool.close()
        await app.state.budgets.close()
        await app.state.reads.close()
        await app.state.pool.close()
        await app.state.state_pool.close()
        await app.state.engine.dispose()


@asynccontextmanager
async def _traced(app: FastAPI) -> AsyncIterator[None]:
    """When it ends, no request is left whom the last spans could hold up."""
    with tracing.in_force(app.state.settings, "annuaire-api", app.state.spans_lost):
        yield
