"""The whole log of all services, as an operator reads it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from chassis.chain import first_broken
from chassis.envelope import event_of, parse
from services.cli.endpoints import SERVICES
from tests.drills.people import People
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.operations.v1.operations_pb2 import TailEvents


@dataclass(frozen=True, slots=True)
class Logged:
    """One event, its bytes and the hash of its lane at that event."""

    envelope: Envelope
    event: Any
    stored: bytes
    hash: bytes


def read_log(people: People) -> list[Logged]:
    """Every event of every service."""
    found = []
    for service in SERVICES:
        for each in people.stream(service, "TailEvents", TailEvents(from_start=True)):
            envelope = parse(each.envelope)
            event = event_of(envelope)
            found.append(Logged(envelope, event, each.envelope, bytes.fromhex(each.hash)))
    return found


def assert_lanes_whole(log: list[Logged]) -> None:
    """Each lane counts from one without a gap, and its chain is unbroken."""
    lanes: dict[tuple[str, int], list[Logged]] = defaultdict(list)
    for each in log:
        lanes[each.envelope.topic, each.envelope.partition].append(each)
    for lane, events in lanes.items():
        events.sort(key=lambda each: each.envelope.position)
        positions = [each.envelope.position for each in events]
        assert positions == list(range(1, len(events) + 1)), lane
        times = [each.envelope.recorded_at_us for each in events]
        assert times == sorted(times), lane
        broken = first_broken((e.envelope.position, e.stored, e.hash) for e in events)
        assert broken is None, (lane, broken)
    versions = [(each.envelope.stream, each.envelope.version) for each in log]
    assert len(versions) == len(set(versions))
