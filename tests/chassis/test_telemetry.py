import pytest
from opentelemetry import metrics, trace
from opentelemetry.trace import Link, StatusCode

from chassis.telemetry import (
    context_of,
    install,
    metrics_page,
    recorded,
    span,
    span_context_of,
    traceparent,
)

CANARY = "金丝雀"
REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = REMOTE[:-1] + "0"


def test_a_span_goes_on_where_a_traceparent_says() -> None:
    with recorded() as exporter, span("store.append", parent=REMOTE, topic="household"):
        assert traceparent().split("-")[1] == REMOTE.split("-")[1]
    (finished,) = exporter.get_finished_spans()
    assert finished.parent is not None
    assert f"{finished.parent.span_id:016x}" == REMOTE.split("-")[2]
    assert dict(finished.attributes or {}) == {"topic": "household"}


def test_what_one_process_injects_another_extracts() -> None:
    with recorded() as exporter:
        with span("decide"):
            carried = traceparent()
        with span("apply", parent=carried):
            pass
    decided, applied = exporter.get_finished_spans()
    assert decided.context is not None
    assert applied.parent is not None
    assert decided.context.span_id == applied.parent.span_id


def test_a_batch_links_to_the_spans_that_decided_its_events() -> None:
    creation = span_context_of(REMOTE)
    assert creation is not None
    with recorded() as exporter, span("relay.batch", links=[Link(creation)]):
        pass
    (finished,) = exporter.get_finished_spans()
    assert [f"{link.context.span_id:016x}" for link in finished.links] == [REMOTE.split("-")[2]]


def test_who_was_not_sampled_there_is_not_sampled_here() -> None:
    with recorded() as exporter, span("apply", parent=UNSAMPLED):
        assert traceparent().endswith("-00")
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    "text", ["", "x", REMOTE[:-1], "00-" + "0" * 32 + REMOTE[35:], REMOTE.replace("0af", "xyz")]
)
def test_a_malformed_traceparent_starts_a_new_trace(text: str) -> None:
    assert span_context_of(text) is None
    assert context_of(text) is None


def test_outside_any_span_there_is_no_traceparent() -> None:
    assert traceparent() == ""


def test_a_fault_marks_its_span_by_type_and_never_by_its_text() -> None:
    with recorded() as exporter, pytest.raises(ValueError, match=CANARY), span("decide"):
        raise ValueError(CANARY)
    (finished,) = exporter.get_finished_spans()
    assert finished.status.status_code is StatusCode.ERROR
    assert dict(finished.attributes or {}) == {"error.type": "ValueError"}
    assert CANARY not in f"{finished.status.description} {finished.events}"


def test_a_span_made_by_a_library_loses_what_its_exceptions_say() -> None:
    tracer = trace.get_tracer("library")
    with (
        recorded() as exporter,
        pytest.raises(ValueError, match=CANARY),
        tracer.start_as_current_span("theirs", attributes={"phone": "call 13800000000"}),
    ):
        raise ValueError(CANARY)
    (finished,) = exporter.get_finished_spans()
    shown = f"{finished.events[0].attributes} {finished.status.description} {finished.attributes}"
    assert "ValueError" in shown
    assert CANARY not in shown
    assert "13800000000" not in shown


def test_recording_ends_with_its_test() -> None:
    with recorded() as exporter:
        pass
    with recorded(), span("later"):
        pass
    assert exporter.get_finished_spans() == ()


def test_a_counter_appears_on_the_metrics_page() -> None:
    install("registry")
    install("registry")
    metrics.get_meter("tests").create_counter("tuopin_tests").add(2, {"topic": "household"})
    page = metrics_page().decode()
    assert "tuopin_tests_total{" in page
    assert 'topic="household"' in page
    assert "process_resident_memory_bytes" in page
