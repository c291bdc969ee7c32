"""Links from the span of a batch to the spans that decided its events."""

from collections.abc import Iterable

from opentelemetry.trace import Link, Span

from chassis.telemetry import span_context_of

# A batch may hold thousands of events; backends keep a hundred and some links per span.
MAX_LINKS = 128


def links(traceparents: Iterable[str]) -> list[Link]:
    """At most MAX_LINKS links, one per creating span that was sampled, in order."""
    found: dict[tuple[int, int], Link] = {}
    for traceparent in traceparents:
        context = span_context_of(traceparent)
        if context is not None and context.trace_flags.sampled:
            found.setdefault((context.trace_id, context.span_id), Link(context))
            if len(found) == MAX_LINKS:
                break
    return list(found.values())


def link_creation(span: Span, traceparents: Iterable[str]) -> None:
    """Link a batch's span to the creation contexts of its events; free when nobody records."""
    if span.is_recording():
        for link in links(traceparents):
            span.add_link(link.context)
