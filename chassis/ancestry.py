"""What belongs to an id: events that name it, what they caused, and what caused them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from google.protobuf.message import Message

from chassis.envelope import event_of, parse
from chassis.feedtables import Lane
from chassis.history import History
from chassis.store import Record, Store
from tuopin.envelope.v1.envelope_pb2 import Envelope

READ_COUNT = 2_000
# Hops along causes that a trace follows; the longest way in the system has fewer.
HOPS_MAX = 8
# So many records are kept between the hops, a few dozen MiB; of a longer past each hop reads again.
KEPT_RECORDS = 50_000


def names(envelope: Envelope, event: Message, reference: str) -> bool:
    """Whether the event's stream, command or one of its top-level texts is the reference."""
    if reference in (envelope.stream, envelope.command_id, envelope.id):
        return True
    if envelope.stream.partition("-")[2] == reference:
        return True
    return any(
        value == reference or (isinstance(value, Sequence) and reference in list(value))
        for descriptor, value in event.ListFields()
        if descriptor.type == descriptor.TYPE_STRING
    )


class Ancestry:
    """Events of all heard lanes that belong to a reference, found hop by hop."""

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self._needle = reference.encode()
        # Ids of events that belong, and of events that caused one of them.
        self._ids: set[str] = set()
        self._causes: set[str] = set()

    @property
    def size(self) -> int:
        """Grows as long as another look may find more."""
        return len(self._ids) + len(self._causes)

    def begin(self, records: Sequence[Record]) -> None:
        """First look: events that name the reference themselves."""
        for record in records:
            # Most records do not even hold its bytes, and need not be parsed.
            if self._needle in record.envelope:
                envelope = parse(record.envelope)
                if names(envelope, event_of(envelope), self._reference):
                    self._take(envelope)

    def follow(self, records: Sequence[Record]) -> None:
        """Further looks: one hop along the causes, both ways."""
        for record in records:
            envelope = parse(record.envelope)
            if envelope.caused_by in self._ids or envelope.id in self._causes:
                self._take(envelope)

    def _take(self, envelope: Envelope) -> None:
        self._ids.add(envelope.id)
        if envelope.caused_by:
            self._causes.add(envelope.caused_by)

    def holds(self, records: Sequence[Record]) -> list[Record]:
        """Those that belong."""
        return [each for each in records if parse(each.envelope).id in self._ids]


async def trace(
    reference: str, store: Store, topics: Sequence[str], history: History, heard: Sequence[str]
) -> AsyncIterator[Record]:
    """The store's own records that belong to the reference, lane by lane. Causes are followed
    through everything the service hears.
    """
    ancestry = Ancestry(reference)
    past = Past(history, await history.heads(sorted({*topics, *heard})))
    await past.walk(ancestry.begin)
    for _ in range(HOPS_MAX):
        before = ancestry.size
        if not before:
            return
        await past.walk(ancestry.follow)
        if ancestry.size == before:
            break
    for topic in topics:
        for head in await store.heads(topic):
            after = 0
            while records := await store.read(topic, head.partition, after, READ_COUNT):
                for record in await asyncio.to_thread(ancestry.holds, records):
                    yield record
                after = records[-1].position


class Past:
    """All heard lanes up to the heads of one moment, walked again and again; a short past is
    kept, so that only the first walk asks Kafka.
    """

    def __init__(self, history: History, heads: Mapping[Lane, int]) -> None:
        self._history = history
        self._heads = heads
        self._kept: list[Sequence[Record]] | None = None

    async def walk(self, look: Callable[[Sequence[Record]], None]) -> None:
        """Show every record to `look`, lane by lane."""
        if self._kept is not None:
            for records in self._kept:
                await asyncio.to_thread(look, records)
            return
        short = sum(self._heads.values()) <= KEPT_RECORDS
        kept: list[Sequence[Record]] = []
        for lane, head in self._heads.items():
            after = 0
            while after < head and (records := await self._history.read(*lane, after, head)):
                await asyncio.to_thread(look, records)
                after = records[-1].position
                if short:
                    kept.append(records)
        if short:
            self._kept = kept
