"""Spans: from the command that made the task, through the message, to the answer."""

from pathlib import Path

from chassis.telemetry import recorded
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentAcknowledged
from tuopin.notifier.v1.message_pb2 import MessageQueued, MessageSent


def span_of(traceparent: str) -> int:
    return int(traceparent.split("-")[2], 16)


async def test_question_sending_and_answer_are_linked(tmp_path: Path) -> None:
    with recorded() as exporter:
        async with on_stage(tmp_path) as here:
            await here.appoint_both()
            person = await here.link()
            await here.offered()
            message = await here.task_message(person, ":ack:")
            await here.until(lambda: here.events(MessageSent))
            await here.press(person, message, "ack")
            ((queued, _),) = await here.envelopes(MessageQueued)
            ((sent, _),) = await here.envelopes(MessageSent)
            ((taken, _),) = await here.envelopes(AssignmentAcknowledged)
        spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    (sending,) = [each for each in spans.values() if each.name == "send message"]
    assert [link.context.span_id for link in sending.links] == [span_of(queued.traceparent)]
    # What was recorded of the sending was decided below it.
    record = spans[span_of(sent.traceparent)]
    assert record.parent is not None
    assert record.parent.span_id == sending.context.span_id
    answer = spans[spans[span_of(taken.traceparent)].parent.span_id]  # type: ignore[union-attr]
    assert answer.name == "chat update"
    assert span_of(queued.traceparent) in [link.context.span_id for link in answer.links]
