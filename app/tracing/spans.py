"""The tracer of this process. Which traces are kept is drawn here, and nobody outside can have more of them kept."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes
from structlog.contextvars import bound_contextvars

from app.schema.program import VERSION
from app.tracing.export import LONGEST_VALUE, Export

KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}
W3C = TraceContextTextMapPropagator()
MOST_ATTRIBUTES = 16


class Drawn(Sampler):
    """A share of the traces, by lot: a trace that began elsewhere bears an id, and a flag, that others chose."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        del parent_context, trace_id, name, kind, links, trace_state
        is_kept = random.random() < self._ratio  # noqa: S311 - nobody gains by guessing it
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes) if is_kept else SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        return f"Drawn({self._ratio})"


@dataclass(frozen=True, slots=True)
class Standing:
    """A span of ours."""

    span: trace.Span

    def set_attribute(self, key: str, value: str | float) -> None:
        self.span.set_attribute(key, value)

    def update_name(self, name: str) -> None:
        self.span.update_name(name)

    def fail(self) -> None:
        self.span.set_status(Status(StatusCode.ERROR))

    def headers(self) -> dict[str, str]:
        carried: dict[str, str] = {}
        if self.span.is_recording():
            W3C.inject(carried, trace.set_span_in_context(self.span, Context()))
        return carried


class Spans:
    """Begins spans, and hands those that are kept to the exporter. Close it: it then waits a bounded time for that."""

    def __init__(self, url: str, ratio: float, service: str, lost: Callable[[int], None]) -> None:
        # Not Resource.create: it would add what the environment and the machine say of themselves.
        resource = Resource({"service.name": service, "service.version": VERSION})
        draw = Drawn(ratio)
        self._export = Export(url, lost)
        self._provider = TracerProvider(
            sampler=ParentBased(draw, remote_parent_sampled=draw, remote_parent_not_sampled=draw),
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_span_attributes=MOST_ATTRIBUTES, max_span_attribute_length=LONGEST_VALUE),
        )
        self._provider.add_span_processor(self._export)
        self._tracer = self._provider.get_tracer("annuaire", VERSION)

    def close(self) -> None:
        self._provider.shutdown()

    def is_heard(self) -> bool:
        return trace.get_current_span().is_recording()

    @contextmanager
    def span(self, name: str, said: Mapping[str, str | float], kind: str, parent: str | None) -> Iterator[Standing]:
        is_within = trace.get_current_span().get_span_context().is_valid
        context = None if is_within or parent is None else W3C.extract({"traceparent": parent}, Context())
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=KINDS[kind],
            attributes=dict(said),
            # An exception quotes values: its kind is all that is told.
            record_exception=False,
            set_status_on_exception=False,
        ) as begun:
            standing = Standing(begun)
            try:
                if is_within or not begun.is_recording():
                    yield standing
                else:
                    with bound_contextvars(trace_id=f"{begun.get_span_context().trace_id:032x}"):
                        yield standing
            except Exception as error:
                begun.set_attribute("error.type", type(error).__qualname__)
                standing.fail()
                raise
