"""Proof of a store's log: its chain, its positions, its versions, and a receipt for each event."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from chassis.chain import GENESIS, link
from chassis.envelope import parse
from chassis.history import READ_COUNT
from chassis.lanes import lane_of
from chassis.store import Head, Record, Store
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.operations.v1.operations_pb2 import Finding

# A broken lane would repeat itself in every record behind the break.
FINDINGS_PER_LANE_COUNT = 5
# Receipts looked up side by side.
LOOKUPS_COUNT = 64


class LaneProof:
    """Follows one lane from its beginning; `findings` says what is not as it must be."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic = topic
        self._partition = partition
        self._where = f"{topic}/{partition}"
        self._position = 0
        self._hash = GENESIS
        self._recorded_at_us = 0
        # A stream lives in one lane, so this is all that must be remembered of it.
        self._versions: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.events_count = 0

    @property
    def position(self) -> int:
        return self._position

    @property
    def hash(self) -> bytes:
        return self._hash

    def find(self, kind: str, sentence: str) -> None:
        """Keep a finding, up to a bound."""
        if len(self.findings) < FINDINGS_PER_LANE_COUNT:
            self.findings.append(Finding(kind=kind, where=self._where, sentence=sentence))

    def follow(self, records: Sequence[Record]) -> list[Envelope]:
        """Check the next records; their envelopes as far as they can be read."""
        return [envelope for each in records if (envelope := self._follow(each)) is not None]

    def _follow(self, record: Record) -> Envelope | None:
        self.events_count += 1
        at = record.position
        if at != self._position + 1:
            self.find("gap", f"position {self._position + 1} is missing, {at} follows")
        if link(self._hash, record.envelope) != record.hash:
            self.find("chain", f"the bytes at position {at} are not those that were stored")
        # The stored hash: what follows is judged by itself.
        self._position, self._hash = at, record.hash
        try:
            envelope = parse(record.envelope)
        except Exception as error:  # whatever bytes may do to the parser
            self.find("chain", f"position {at} is no envelope: {type(error).__name__}")
            return None
        self._check(at, envelope)
        return envelope

    def _check(self, at: int, envelope: Envelope) -> None:
        stated = (envelope.topic, envelope.partition, envelope.position)
        if stated != (self._topic, self._partition, at):
            self.find("chain", f"the envelope at position {at} says that it stands at {stated}")
        if lane_of(envelope.stream) != self._partition:
            self.find("chain", f"{envelope.stream} does not belong to this lane")
        if envelope.id != f"{envelope.stream}@{envelope.version}":
            self.find("chain", f"position {at} has an id that is not its stream and version")
        self._versions[envelope.stream] += 1
        if envelope.version != self._versions[envelope.stream]:
            expected = self._versions[envelope.stream]
            self.find("gap", f"{envelope.id} stands where version {expected} should")
            self._versions[envelope.stream] = envelope.version
        if envelope.recorded_at_us < self._recorded_at_us:
            self.find("chain", f"time runs backwards at position {at}")
        self._recorded_at_us = envelope.recorded_at_us

    def end(self, head: Head) -> None:
        """Compare with the head that the store kept for the lane."""
        if (self._position, self._hash) != (head.position, head.hash):
            self.find("head", f"the lane ends at {self._position}, its head says {head.position}")


async def verify_log(store: Store, topics: Sequence[str]) -> AsyncIterator[LaneProof]:
    """The proof of every lane that is not empty, up to the head it has now."""
    for topic in topics:
        for head in await store.heads(topic):
            if head.position:
                yield await _verify_lane(store, head)


async def _verify_lane(store: Store, head: Head) -> LaneProof:
    proof = LaneProof(head.topic, head.partition)
    while proof.position < head.position:
        count = min(READ_COUNT, head.position - proof.position)
        records = await store.read(head.topic, head.partition, proof.position, count)
        # A hole must not lead behind the head: what came after it was taken is not in question.
        records = [record for record in records if record.position <= head.position]
        if not records:
            break
        envelopes = await asyncio.to_thread(proof.follow, records)
        await _verify_receipts(store, proof, envelopes)
    proof.end(head)
    return proof


async def _verify_receipts(store: Store, proof: LaneProof, envelopes: Sequence[Envelope]) -> None:
    """Every event has the receipt of its command, and the receipt's events are all there."""
    commands: dict[str, list[str]] = {}
    for envelope in envelopes:
        commands.setdefault(envelope.command_id, []).append(envelope.id)
    wanted = list(commands.items())
    for start in range(0, len(wanted), LOOKUPS_COUNT):
        await asyncio.gather(
            *(
                _verify_receipt(store, proof, command_id, events)
                for command_id, events in wanted[start : start + LOOKUPS_COUNT]
            )
        )


async def _verify_receipt(
    store: Store, proof: LaneProof, command_id: str, events: Sequence[str]
) -> None:
    found = await store.receipt(command_id)
    if found is None:
        proof.find("receipt", f"{events[0]} has no receipt of its command {command_id}")
        return
    named = set(found[1].event_ids)
    for event_id in set(events) - named:
        proof.find("receipt", f"the receipt of {command_id} does not name {event_id}")
    for event_id in named - set(events):
        # In another lane, or in another part of this one.
        stream, _, version = event_id.rpartition("@")
        records = await store.load(stream, int(version) - 1)
        if not records or parse(records[0].envelope).id != event_id:
            proof.find("receipt", f"the receipt of {command_id} names {event_id}: not in the log")
