"""Traces for OpenTelemetry: where the time of a request, an import or a delivery went. Off unless ANNUAIRE_TRACES_URL.

    __init__     the spans that the rest of annuaire begins; no library is loaded for them where it is off
    requests     one span for each HTTP request
    statements   one for each statement of PostgreSQL within a request
    spans        the tracer, and which traces are kept
    export       what may leave this process, within bounds

FastAPI's own telemetry puts `url.path` and `url.query` on its spans, which name whom somebody looks for: it stays off.
A span of ours tells the template of a route, the words of a statement that are not values, counts and outcomes. What is
not on the list of `export.ALLOWED` leaves with no span, whoever put it there.

Like the log, traces are one thing of a process: the first who asks for them (`in_force`) begins them and ends them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from app.console import Refused
from app.settings import Settings

if TYPE_CHECKING:
    from app.tracing.spans import Spans, Standing

Value = str | int | float
Kind = Literal["internal", "server", "client"]

_spans: "Spans | None" = None


class Note:
    """What a span is told while it lasts; the one of no span hears nothing."""

    __slots__ = ("_span",)

    def __init__(self, span: "Standing | None" = None) -> None:
        self._span = span

    def __call__(self, key: str, value: Value) -> None:
        """Say this of the span. A key that `export.ALLOWED` does not hold stays in this process."""
        if self._span is not None:
            self._span.set_attribute(key, value)

    def rename(self, name: str) -> None:
        """Names come from code alone: templates and words, never values."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self) -> None:
        """The work did not succeed. Why, the log says."""
        if self._span is not None:
            self._span.fail()

    @property
    def headers(self) -> dict[str, str]:
        """What tells a server that is asked within this span of the trace (W3C Trace Context); nothing without one."""
        return {} if self._span is None else self._span.headers()


UNHEARD = Note()


@contextmanager
def in_force(settings: Settings, service: str, lost: Callable[[int], None] | None = None) -> Iterator[None]:
    """Traces are kept within, under the name of `service`; nothing happens where the settings name no receiver.

    `lost` is told of spans that could not be handed over. Raises Refused: the libraries are not installed.
    """
    global _spans  # noqa: PLW0603 - of the process, like the log
    if settings.traces_url is None or _spans is not None:
        yield
        return
    require(settings)
    from app.tracing.spans import Spans  # noqa: PLC0415 - who keeps no traces needs no library

    _spans = Spans(settings.traces_url, settings.traces_ratio, service, lost or (lambda _: None))
    try:
        yield
    finally:
        ending, _spans = _spans, None
        ending.close()


def require(settings: Settings) -> None:
    """Raises Refused: traces are asked for, and what keeps them is not installed."""
    if settings.traces_url is None:
        return
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: PLC0415 - asked whether it is there
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415
    except ImportError as missing:
        raise Refused(
            "ANNUAIRE_TRACES_URL asks for traces, whose libraries are not installed: "
            "pip install 'annuaire[tracing]', or remove the setting",
            "tracing.not_installed",
        ) from missing


@contextmanager
def span(
    name: str, said: Mapping[str, Value] | None = None, *, kind: Kind = "internal", parent: str | None = None
) -> Iterator[Note]:
    """A span around the body: of the trace that goes on here, else of `parent` (a traceparent), else of a new one.

    Every line of the log within a new trace that is kept carries its `trace_id`.
    """
    if _spans is None:
        yield UNHEARD
        return
    with _spans.span(name, said or {}, kind, parent) as standing:
        yield Note(standing)


def is_heard() -> bool:
    """Whether a trace goes on here and is kept: who asks often asks this before it makes up a name."""
    return _spans is not None and _spans.is_heard()
