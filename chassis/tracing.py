"""Links from the span of a batch to the spans that decided its events."""

from collections.abc import Iterable

from opentelemetry.trace import Link, Span, SpanContext, TraceFlags

# A batch may hold thousands of events; backends keep a hundred and some links per span.
MAX_LINKS = 128


def span_context(traceparent: str) -> SpanContext | None:
    """The context a W3C traceparent names; None when it is empty, malformed or not sampled."""
    parts = traceparent.split("-")
    if len(parts) != 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None
    try:
        flags = int(parts[3], 16)
        context = SpanContext(int(parts[1], 16), int(parts[2], 16), True, TraceFlags(flags))
    except ValueError:
        return None
    return context if context.is_valid and context.trace_flags.sampled else None


def links(traceparents: Iterable[str]) -> list[Link]:
    """At most MAX_LINKS links, one per creating span, in order."""
    found: dict[tuple[int, int], Link] = {}
    for traceparent in traceparents:
        context = span_context(traceparent)
        if context is not None:
            found.setdefault((context.trace_id, context.span_id), Link(context))
            if len(found) == MAX_LINKS:
                break
    return list(found.values())


def link_creation(span: Span, traceparents: Iterable[str]) -> None:
    """Link a batch's span to the creation contexts of its events; free when nobody records."""
    if span.is_recording():
        for link in links(traceparents):
            span.add_link(link.context)
