"""Admission: one process works at so many requests at once. One more is answered at once, and read no further.

    request ─► a place? ─► its body comes (aside) ─► work ─► its answer begins: the place is free
                  └── no ─► 503 server.busy, Retry-After of 1 to 4 seconds

More at work would make all of them late and none of them sooner. A place is held for work alone: whoever waits for its
client (a body on its way, an answer that is being read) or for the next change stands aside, and there may be STANDING
times as many open in all, so that memory stays bounded too. Requests that change something have half of the places:
what they wait for (a lock that an import holds) must not keep a look-up out. The other half is nobody's but reads'.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import HEADER, request_id_of
from app.problems import Problem, render

# What watches the process must hear from it most of all when it is full.
ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
READS = frozenset({"GET", "HEAD"})
STANDING = 4
# Clients that were refused together must not come back together.
RETRY_SECONDS = (1, 4)
# A line of the log for each refusal would cost more than the refusal.
TELL_SECONDS = 1.0
PLACE = "annuaire.place"

logger = structlog.get_logger(__name__)


class ServerBusy(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "server.busy"
    title = "This server has as much to do as it can"


class Places:
    """The places of one process: `most` at work. Counted, refused and shown on /metrics."""

    def __init__(self, most: int, registry: CollectorRegistry) -> None:
        self.most = most
        self.most_changing = max(1, most // 2)
        self.most_open = most * STANDING
        self.working = 0
        self.changing = 0
        self.open = 0
        self._refused = Counter("annuaire_requests_refused", "Requests refused because of the load", registry=registry)
        self._shown = Gauge(
            "annuaire_requests_at_work", "Requests at work", registry=registry, multiprocess_mode="livesum"
        )
        self._untold, self._told_at = 0, float("-inf")

    def has_one(self, *, is_read: bool) -> bool:
        """Whether one more may begin."""
        return (
            self.working < self.most and self.open < self.most_open and (is_read or self.changing < self.most_changing)
        )

    def refuse(self) -> ServerBusy:
        """Count a refusal, and say it: to the log once a second at most."""
        self._refused.inc()
        self._untold += 1
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            logger.warning("requests refused: as many at work as may be", refused=self._untold, at_work=self.working)
            self._untold, self._told_at = 0, now
        wait = random.randint(*RETRY_SECONDS)  # noqa: S311 - nobody gains by guessing it
        return ServerBusy("Nothing was read or changed. Ask again in a moment.", retry_after=wait)

    def show(self) -> None:
        """Set what an exposition of the metrics shows."""
        self._shown.set(self.working)


class Place:
    """What one request holds; it stands between the app and the server, to see when it waits for its client."""

    __slots__ = ("_is_read", "_is_working", "_places", "_receive", "_send")

    def __init__(self, places: Places, receive: Receive, send: Send, *, is_read: bool) -> None:
        self._places, self._receive, self._send, self._is_read = places, receive, send, is_read
        self._is_working = False
        places.open += 1
        self._work()

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer. With the first one the work is done."""
        if self._is_working:
            self._rest()
        await self._send(message)

    async def receive(self) -> Message:
        """The next part of the body."""
        with self.aside():
            return await self._receive()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Wait for somebody else without holding the place. It is there again afterwards, whoever has come in."""
        was_working = self._is_working
        if was_working:
            self._rest()
        try:
            yield
        finally:
            if was_working:
                self._work()

    def leave(self) -> None:
        """The request is over."""
        self._places.open -= 1
        if self._is_working:
            self._rest()

    def _work(self) -> None:
        self._is_working = True
        self._places.working += 1
        if not self._is_read:
            self._places.changing += 1

    def _rest(self) -> None:
        self._is_working = False
        self._places.working -= 1
        if not self._is_read:
            self._places.changing -= 1


class Admission:
    """Stands around everything else: a refusal costs no log line, no route, no database."""

    def __init__(self, app: ASGIApp, places: Places) -> None:
        self._app = app
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        is_read = scope["method"] in READS
        if not self._places.has_one(is_read=is_read):
            await self._refuse(scope, receive, send)
            return
        place = scope[PLACE] = Place(self._places, receive, send, is_read=is_read)
        try:
            await self._app(scope, place.receive, place.send)
        finally:
            place.leave()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope)
        response = render(self._places.refuse(), request_id, {HEADER.decode(): request_id})
        await response(scope, receive, send)


def place_of(scope: Scope) -> Place:
    """The place of a request, to step aside from."""
    place: Place = scope[PLACE]
    return place
