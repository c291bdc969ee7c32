"""Whoever reads an event from Kafka can rebuild the bytes of the hash chain."""

from hypothesis import given
from hypothesis import strategies as st

from chassis.chain import GENESIS
from chassis.envelope import event_of, from_headers, parse, record_of, to_headers
from chassis.store import Append, NewEvent, StreamWrite
from chassis.store.group import LaneHead, assemble, member_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import PersonErased

texts = st.text(max_size=40)
envelopes = st.builds(
    Envelope,
    id=texts,
    type=texts,
    stream=texts,
    version=st.integers(1, 2**40),
    topic=st.sampled_from(["household", "plan"]),
    partition=st.integers(0, 11),
    position=st.integers(1, 2**40),
    recorded_at_us=st.integers(1, 2**51),
    effective_on=texts,
    actor=texts,
    on_behalf_of=texts,
    command_id=texts,
    caused_by=texts,
    traceparent=texts,
    programme=texts,
    data=st.binary(max_size=100),
)


@given(envelopes)
def test_headers_and_value_give_the_same_bytes_again(envelope: Envelope) -> None:
    again = from_headers(to_headers(envelope), envelope.data)
    assert record_of(again) == record_of(envelope)


@given(envelopes)
def test_attribute_names_are_lower_case_alphanumerics(envelope: Envelope) -> None:
    names = [name for name, _ in to_headers(envelope) if name != "content-type"]
    assert all(name.startswith("ce_") and name[3:].isalnum() for name in names)
    assert all(name == name.lower() for name in names)
    assert {"ce_id", "ce_source", "ce_specversion", "ce_type"} - set(names) <= {"ce_id", "ce_type"}


def test_headers_that_others_added_do_not_matter() -> None:
    envelope = Envelope(id="a@1", topic="household", position=3, data=b"x")
    headers = [("traceparent", b"00-1-2-01"), *to_headers(envelope)]
    assert from_headers(headers, b"x") == envelope


def test_the_event_is_found_by_its_name() -> None:
    event = PersonErased(household_id="h1", person_id="p1")
    envelope = Envelope(type=event.DESCRIPTOR.full_name, data=event.SerializeToString())
    assert event_of(envelope) == event


@given(
    envelopes,
    st.integers(0, 2**40),
    st.integers(1, 2**51),
)
def test_the_writer_joins_what_the_caller_serialised(
    envelope: Envelope, position: int, now_us: int
) -> None:
    write = StreamWrite(
        envelope.topic,
        envelope.stream,
        envelope.version - 1,
        (NewEvent(envelope.type, envelope.data, envelope.effective_on),),
    )
    append = Append(
        command_id=envelope.command_id,
        digest=b"",
        writes=(write,),
        actor=envelope.actor,
        on_behalf_of=envelope.on_behalf_of,
        caused_by=envelope.caused_by,
        traceparent=envelope.traceparent,
        programme=envelope.programme,
    )
    member = member_of(append)
    heads = {member.pieces[0].lane: LaneHead(position, GENESIS, 7)}
    (row,) = assemble([member], heads, now_us).events
    stored = parse(row.record)
    assert record_of(stored) == row.record
    assert (stored.position, stored.recorded_at_us) == (position + 1, max(now_us, 7))
    assert stored.data == envelope.data
    assert stored.actor == envelope.actor
