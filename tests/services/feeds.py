"""Events in their lanes, and a feed that brings the lanes to views in any interleaving."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import select

from chassis.feeding import Batch
from chassis.lanes import lane_of
from chassis.views import View
from chassis.viewstore import ViewStore
from tests.given import sealed
from tuopin.envelope.v1.envelope_pb2 import Envelope

Lane = tuple[str, int]


@dataclass
class Log:
    """What the stores of all services hold: streams in their lanes, positions without gaps."""

    lanes: dict[Lane, list[Envelope]] = field(default_factory=lambda: defaultdict(list))
    versions: Counter[str] = field(default_factory=Counter)
    events: list[tuple[Envelope, Any]] = field(default_factory=list)

    def append(self, topic: str, stream: str, event: Message) -> Envelope:
        self.versions[stream] += 1
        lane = (topic, lane_of(stream))
        data = sealed(event)
        envelope = Envelope(
            id=f"{stream}@{self.versions[stream]}",
            type=event.DESCRIPTOR.full_name,
            stream=stream,
            version=self.versions[stream],
            topic=topic,
            partition=lane[1],
            position=len(self.lanes[lane]) + 1,
            effective_on=getattr(event, "effective_on", ""),
            data=data.SerializeToString(deterministic=True),
        )
        self.lanes[lane].append(envelope)
        self.events.append((envelope, data))
        return envelope

    def batches(self, topics: Sequence[str], random: Random | None = None) -> list[list[Batch]]:
        """Everything once, lane by lane; with a random, in pieces that come in any order and may
        come again.
        """
        left = {lane: list(each) for lane, each in self.lanes.items() if lane[0] in topics}
        if random is None:
            return [[_batch(lane, each) for lane, each in left.items()]]
        calls: list[list[Batch]] = []
        at = dict.fromkeys(left, 0)
        while any(at[lane] < len(left[lane]) for lane in left):
            call = []
            for lane in random.sample(sorted(left), random.randint(1, len(left))):
                start = max(0, at[lane] - random.choice((0, 0, 1, 3)))
                end = min(len(left[lane]), at[lane] + random.randint(0, 4))
                at[lane] = end
                call.append(_batch(lane, left[lane][start:end]))
            calls.append(call)
        return calls


def _batch(lane: Lane, envelopes: Sequence[Envelope]) -> Batch:
    return Batch(lane[0], lane[1], [(each.position, each, None) for each in envelopes])


def rows_of(view: View, log: Log, random: Random | None = None) -> dict[str, list[dict[str, Any]]]:
    """The view's tables in the real engine, fed with the whole log."""
    store = ViewStore("sqlite://", [view])
    store.create()
    try:
        for call in log.batches(view.topics, random):
            store.apply(call)
        assert not store.stopped()
        return store.read(
            lambda connection: {
                table.name: [
                    dict(row._mapping)
                    for row in connection.execute(
                        select(table).order_by(*table.primary_key.columns)
                    )
                ]
                for table in view.tables
            }
        )
    finally:
        store.close()
