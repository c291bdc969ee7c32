"""Traces and metrics of a process: set up once at start, used through OpenTelemetry's own API.

Spans carry ids and counts only; an exception leaves its type, not its message, which may quote a
person. `chassis/tracing.py` links the spans of batches to the spans that decided their events.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import random
from typing import Any

import prometheus_client
from opentelemetry import metrics, trace
from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
)

from chassis.logging import scrub

TRACEPARENT = "traceparent"
_VERSION = "00"
# What OpenTelemetry notes of an exception besides its type.
_QUOTING = frozenset({"exception.message", "exception.stacktrace"})


class Redacting(SpanExporter):
    """Passes spans on without what exceptions say, and with every text scrubbed."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_scrubbed(span.attributes),
        events=[
            Event(each.name, _scrubbed(each.attributes), each.timestamp) for each in span.events
        ],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _scrubbed(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: scrub(value) if isinstance(value, str) else value
        for name, value in (attributes or {}).items()
        if name not in _QUOTING
    }


# In the context of a root that was drawn before its span is made.
_DRAWN = create_key("tuopin-drawn")
_DRAWN_ROOT = set_value(_DRAWN, True, Context())


class _Share(Sampler):
    """A share of the traces that begin here; whoever called us decides for theirs."""

    def __init__(self) -> None:
        self.set(0.0)

    def set(self, ratio: float) -> None:
        self.ratio = ratio
        self._inner = ParentBased(TraceIdRatioBased(ratio))
        self._drawn = ParentBased(ALWAYS_ON)

    def should_sample(
        self, parent_context: Context | None, *arguments: Any, **named: Any
    ) -> SamplingResult:
        drawn = parent_context is not None and get_value(_DRAWN, parent_context)
        sampler = self._drawn if drawn else self._inner
        return sampler.should_sample(parent_context, *arguments, **named)

    def get_description(self) -> str:
        return "ShareOfTraces"


class _Installed:
    """OpenTelemetry takes one provider per process; this remembers ours."""

    def __init__(self, service: str) -> None:
        resource = Resource.create({SERVICE_NAME: service})
        self.share = _Share()
        self.tracers = TracerProvider(resource=resource, sampler=self.share, shutdown_on_exit=False)
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)
        reader = PrometheusMetricReader(registry=self.registry)
        self.meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self.exported_to: set[str] = set()


_installed: _Installed | None = None


def install(service: str, *, otlp_endpoint: str = "", trace_ratio: float = 0.0) -> None:
    """Make this process's spans and metrics real; safe to call again, the first name stays."""
    installed = _install(service)
    installed.share.set(trace_ratio)
    if otlp_endpoint and otlp_endpoint not in installed.exported_to:
        installed.exported_to.add(otlp_endpoint)
        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
        installed.tracers.add_span_processor(BatchSpanProcessor(Redacting(exporter)))


def _install(service: str) -> _Installed:
    global _installed
    if _installed is None:
        _installed = _Installed(service)
        trace.set_tracer_provider(_installed.tracers)
        metrics.set_meter_provider(_installed.meters)
    return _installed


def shutdown() -> None:
    """Send what waits, at the end of a process."""
    if _installed is not None:
        _installed.tracers.force_flush()


class _Switched(SpanProcessor):
    """A processor that a test takes away again; providers cannot forget theirs."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner: SpanProcessor | None = inner

    def on_end(self, span: ReadableSpan) -> None:
        if self._inner is not None:
            self._inner.on_end(span)

    def off(self) -> None:
        self._inner = None


@contextmanager
def recorded() -> Iterator[InMemorySpanExporter]:
    """Every span that ends inside, as an exporter would get it; for tests."""
    installed = _install("test")
    exporter = InMemorySpanExporter()
    processor = _Switched(SimpleSpanProcessor(Redacting(exporter)))
    installed.tracers.add_span_processor(processor)
    ratio = installed.share.ratio
    installed.share.set(1.0)
    try:
        yield exporter
    finally:
        processor.off()
        installed.share.set(ratio)


def metrics_page() -> bytes:
    """What Prometheus reads from /metrics."""
    if _installed is None:
        return b""
    return prometheus_client.generate_latest(_installed.registry)


# --- trace context in metadata, envelopes and command rows -------------------------------------


def traceparent() -> str:
    """W3C context of the current span; "" outside any."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"{_VERSION}-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def span_context_of(text: str) -> SpanContext | None:
    """The span a traceparent names; None when it is empty or malformed."""
    parts = text.split("-")
    if [len(part) for part in parts] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:])
    except ValueError:
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def context_of(text: str) -> Context | None:
    """A parent context for a new span; None (the current context) without a sound traceparent."""
    remote = span_context_of(text)
    return None if remote is None else trace.set_span_in_context(NonRecordingSpan(remote))


def context_of_call(given: str) -> Context | None:
    """The context in which the span of a call begins; None when it is not recorded.

    Decided before the span is made: one that is dropped costs as much as a rule book.
    """
    remote = span_context_of(given) if given else None
    if remote is not None:
        sampled = remote.trace_flags & TraceFlags.SAMPLED
        return trace.set_span_in_context(NonRecordingSpan(remote)) if sampled else None
    ratio = _installed.share.ratio if _installed is not None else 0.0
    return _DRAWN_ROOT if random() < ratio else None  # noqa: S311  (which traces to keep)


@contextmanager
def span(
    name: str,
    *,
    parent: str = "",
    links: Sequence[Link] = (),
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    **attributes: str | int | float | bool,
) -> Iterator[Span]:
    """A span below the current one or below a traceparent; a fault marks it with its type."""
    with trace.get_tracer("tuopin").start_as_current_span(
        name,
        context=context_of(parent),
        kind=kind,
        attributes=attributes,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise
