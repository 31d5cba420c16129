"""What leaves this process: listed attributes alone, in the background, within bounds.

    span ends ─► at most MOST_WAITING wait ─► at most A_BATCH go together ─► POST, given up after SECONDS
                      └── more: dropped and counted                            └── not taken: dropped and counted

Who ends a span never waits. A receiver that is away costs the spans of that time, and nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

# Every key that a span may bear outside. A new one: could its values ever name a person, an address, a key?
ALLOWED = frozenset(
    {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "server.address",
        "db.system.name",
        "db.operation.name",
        "db.collection.name",
        "db.query.summary",
        "error.type",
        "annuaire.request_id",
        "annuaire.changes",
        "annuaire.source",
        "annuaire.stage",
        "annuaire.lines",
        "annuaire.outcome",
    }
)
LONGEST_VALUE = 128
MOST_WAITING = 2_048
A_BATCH = 256
DELAY_MS = 1_000
SECONDS = 3.0
# At the end: for what waits to go. The batch on its way may take SECONDS more.
CLOSING_SECONDS = 3.0

logger = structlog.get_logger(__name__)


class Export(SpanProcessor):
    """Takes ended spans, from any thread. `lost` is told how many were not handed over."""

    def __init__(self, url: str, lost: Callable[[int], None]) -> None:
        _quiet()
        self._lost = lost
        self._waiting = 0
        self._lock = threading.Lock()
        self._listed = _Listed(url, self._leave, lost)
        # The limit is ours, so that what is beyond it is counted: its own is never reached.
        self._batches = BatchSpanProcessor(self._listed, MOST_WAITING + A_BATCH, DELAY_MS, A_BATCH)

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            is_full = self._waiting >= MOST_WAITING
            if not is_full:
                self._waiting += 1
        if is_full:
            self._lost(1)
        else:
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Hand over what waits, for CLOSING_SECONDS; what then is left is lost."""
        self._listed.until = time.monotonic() + CLOSING_SECONDS
        # Aside: a collector that answers byte by byte is left alone in the end.
        ending = threading.Thread(target=self._batches.shutdown, name="traces end", daemon=True)
        ending.start()
        ending.join(CLOSING_SECONDS + SECONDS)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)

    def _leave(self, count: int) -> None:
        with self._lock:
            self._waiting -= count


class _Listed(SpanExporter):
    """Sends spans without all that is not listed. Called by one thread at a time."""

    def __init__(self, url: str, leave: Callable[[int], None], lost: Callable[[int], None]) -> None:
        self.until = float("inf")
        self._leave, self._lost = leave, lost
        self._inner = OTLPSpanExporter(endpoint=url, timeout=SECONDS)
        self._is_taken = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._leave(len(spans))
        result = SpanExportResult.FAILURE
        if time.monotonic() < self.until:
            result = self._inner.export([listed(span) for span in spans])
        is_taken = result is SpanExportResult.SUCCESS
        if not is_taken:
            self._lost(len(spans))
        if is_taken != self._is_taken:
            self._is_taken = is_taken
            if is_taken:
                logger.info("traces are taken again")
            else:
                logger.warning("traces are not taken: dropped until they are")
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # the library says no more


def listed(span: ReadableSpan) -> ReadableSpan:
    """The same span with what is listed and nothing else: no event, no link, no words about its status."""
    kept = {key: value for key, value in (span.attributes or {}).items() if key in ALLOWED}
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _quiet() -> None:
    """What the library says of itself is no line of our log, and may quote what it sends."""
    its = logging.getLogger("opentelemetry")
    its.propagate = False
    if not its.handlers:
        its.addHandler(logging.NullHandler())
