"""The past of the lanes as Kafka holds it: how topics that are not our own are replayed."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.envelope import from_headers, record_of
from chassis.feedtables import Lane
from chassis.history import READ_COUNT
from chassis.lanes import LANES_PER_TOPIC
from chassis.store import Record
from chassis.topics import PREFIX, kafka_topic

# A record that stands last in a partition may be a repetition; the newest position is the highest
# of this many. A relay repeats one batch, which holds fewer.
TAIL_RECORDS = 2_000
# A past as short as this is kept, some dozen MiB: a lane costs a few round trips to read, and a
# service hears more than a hundred.
KEPT_RECORDS = 10_000
POLL_MS = 1_000


class LaneBroken(Exception):
    """A position is missing in a partition: the topic lost what the store has."""


class KafkaHistory:
    """Implements chassis.history.History; `async with` or `close` ends it.

    Every offset before the first appearance of a position holds another record, so position p
    stands at offset p - 1 or later: there a read begins, and repetitions are skipped.
    """

    def __init__(self, bootstrap: str, *, prefix: str = PREFIX) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        # One consumer, one reader at a time; made by the first read, as a server starts without
        # a broker too.
        self._consumer: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()
        # Where the record behind a position was found, so that reading on skips nothing twice.
        self._next: dict[Lane, tuple[int, int]] = {}
        # What earlier looks at the heads have seen: end of the partition and its last position.
        self._seen: dict[Lane, tuple[int, int]] = {}
        self._kept: dict[Lane, list[Record]] = {}

    async def _started(self) -> Any:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=8 * 1024 * 1024,
                fetch_max_bytes=32 * 1024 * 1024,
                # What is read exists already; a fetch that waits at one lane holds up the next.
                fetch_max_wait_ms=20,
            )
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer

    async def close(self) -> None:
        """Leave the broker; a later read comes back."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def __aenter__(self) -> "KafkaHistory":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def heads(self, topics: Sequence[str]) -> dict[Lane, int]:
        """The last position of every lane that is not empty."""
        lanes = {
            TopicPartition(kafka_topic(topic, self._prefix), partition): (topic, partition)
            for topic in topics
            for partition in range(LANES_PER_TOPIC)
        }
        if not lanes:
            return {}
        async with self._reading:
            await self._look(lanes)
        return {lane: self._seen[lane][1] for lane in lanes.values() if lane in self._seen}

    async def _look(self, lanes: Mapping[TopicPartition, Lane]) -> None:
        """Read what the lanes have grown by since the last look. All in one assignment: one by
        one, each would cost a round trip or two.
        """
        consumer = await self._started()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(lanes))
        left = {at: end for at, end in ends.items() if end > self._seen.get(lanes[at], (0, 0))[0]}
        if not left:
            return
        consumer.assign(list(left))
        for at, end in left.items():
            consumer.seek(at, max(self._seen.get(lanes[at], (0, 0))[0], end - TAIL_RECORDS))
        while left:
            read = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=READ_COUNT)
            for at, records in read.items():
                self._keep(lanes[at], records)
                _, highest = self._seen.get(lanes[at], (0, 0))
                positions = (int(dict(each.headers)["ce_position"]) for each in records)
                end = records[-1].offset + 1
                self._seen[lanes[at]] = (end, max(highest, *positions))
                if end >= left[at]:
                    del left[at]

    def _keep(self, lane: Lane, found: Sequence[Any]) -> None:
        """A lane is kept from its first record on, without a hole, or not at all."""
        if found[0].offset > self._seen.get(lane, (0, 0))[0]:
            self._kept.pop(lane, None)
            return
        kept = self._kept.setdefault(lane, []) if found[0].offset == 0 else self._kept.get(lane)
        if kept is None:
            return
        for each in found:
            envelope = from_headers(each.headers, each.value)
            if envelope.position > len(kept) + 1:
                del self._kept[lane]
                return
            if envelope.position == len(kept) + 1:
                kept.append(Record(*lane, envelope.position, record_of(envelope), b""))
        if sum(map(len, self._kept.values())) > KEPT_RECORDS:
            self._kept.clear()

    async def read(self, topic: str, partition: int, after: int, upto: int) -> list[Record]:
        """The next records behind `after`, none behind `upto`; Kafka has no chain, so no hashes."""
        at = TopicPartition(kafka_topic(topic, self._prefix), partition)
        wanted = min(upto, after + READ_COUNT)
        kept = self._kept.get((topic, partition), ())
        if len(kept) >= wanted:
            return list(kept[after:wanted])
        known, offset = self._next.get((topic, partition), (-1, 0))
        if known != after:
            offset = after
        records: list[Record] = []
        async with self._reading:
            end = await self._end(at)
            while after < wanted and offset < end:
                for each in await self._poll(at, offset):
                    offset = each.offset + 1
                    envelope = from_headers(each.headers, each.value)
                    if envelope.position > after + 1:
                        raise LaneBroken(f"{at.topic}/{partition}: {after + 1} is missing")
                    if envelope.position == after + 1:
                        after += 1
                        records.append(Record(topic, partition, after, record_of(envelope), b""))
                    if after == wanted:
                        break
        self._next[topic, partition] = (after, offset)
        return records

    async def _end(self, at: TopicPartition) -> int:
        ends = await (await self._started()).end_offsets([at])
        return int(ends[at])

    async def _poll(self, at: TopicPartition, offset: int) -> Sequence[Any]:
        consumer = await self._started()
        if consumer.assignment() != {at}:
            consumer.assign([at])
            consumer.seek(at, offset)
        elif await consumer.position(at) != offset:
            consumer.seek(at, offset)
        found = await consumer.getmany(at, timeout_ms=POLL_MS, max_records=READ_COUNT)
        records: Sequence[Any] = found.get(at, ())
        return records
