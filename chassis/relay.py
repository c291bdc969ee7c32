"""From the store to Kafka: every lane in its order, at least once, the cursor moved after the ack.

Each lane has at most one batch on its way. A batch that fails therefore never lets a later one
pass it, and whatever a killed or a second relay repeats lies behind what the topic already has:
the first time a position appears in a partition, its predecessor has appeared before it. Readers
trim by position (docs/topics.md).
"""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from chassis.envelope import parse, to_headers
from chassis.failpoints import failpoint
from chassis.sending import reason_of
from chassis.store import Record, Store
from chassis.telemetry import span
from chassis.topics import PREFIX, kafka_topic
from chassis.tracing import link_creation

CURSOR = "relay"

# What one lane reads and sends at a time; with 12 lanes a few MiB are on their way at most.
CHUNK_RECORDS = 1_000
BATCH_BYTES = 512 * 1024
RESTART_AFTER_S = 1.0

Lane = tuple[str, int]

log = structlog.get_logger(__name__)


class Relay:
    """Carries the topics of one store until cancelled; broker and store may come and go."""

    def __init__(
        self,
        store: Store,
        topics: Sequence[str],
        bootstrap: str,
        *,
        prefix: str = PREFIX,
    ) -> None:
        self._store = store
        self._topics = frozenset(topics)
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._heads: dict[Lane, int] = {}
        self._grown = asyncio.Condition()
        self.failures_count = 0
        self.sent_count = 0

    async def run(self) -> None:
        """Relay for ever: a fault ends the producer, and the next one starts from the cursors."""
        while True:
            try:
                await self._run_once()
            except Exception as error:  # the world's fault, whatever it is: begin again
                self.failures_count += 1
                log.warning("relay.restarted", error=_innermost(error))
                await asyncio.sleep(RESTART_AFTER_S)

    async def _run_once(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            # The broker's limit decides; a record larger than a batch travels alone.
            max_request_size=64 * 1024 * 1024,
        )
        self._heads.clear()
        try:
            await producer.start()
            async with asyncio.TaskGroup() as lanes:
                await self._follow_heads(producer, lanes)
        finally:
            with contextlib.suppress(Exception):
                await producer.stop()

    async def _follow_heads(self, producer: AIOKafkaProducer, lanes: asyncio.TaskGroup) -> None:
        """Note how far each lane reaches; a lane's task is born with its first event."""
        seen = -1
        while True:
            seen = await self._store.appended(seen)
            async with self._grown:
                for head in await self._store.heads():
                    lane = (head.topic, head.partition)
                    if head.topic not in self._topics:
                        continue
                    if lane not in self._heads:
                        lanes.create_task(self._carry(producer, lane, lanes))
                    self._heads[lane] = head.position
                self._grown.notify_all()

    async def _carry(
        self, producer: AIOKafkaProducer, lane: Lane, lanes: asyncio.TaskGroup
    ) -> None:
        """One lane: the next chunk is read and packed while the one before it is on its way."""
        topic, partition = lane
        sent = await self._store.cursor(CURSOR, topic, partition)
        on_its_way: asyncio.Task[None] | None = None
        while True:
            await self._longer_than(lane, sent)
            records = await self._store.read(topic, partition, sent, CHUNK_RECORDS)
            while records:
                batch, packed = self._pack(producer, records)
                if on_its_way is not None:
                    await on_its_way
                on_its_way = lanes.create_task(self._deliver(producer, batch, packed))
                sent = packed[-1].position
                records = records[len(packed) :]
                if sent >= self._heads[lane]:
                    await on_its_way
                    on_its_way = None

    async def _longer_than(self, lane: Lane, position: int) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: self._heads[lane] > position)

    def _pack(
        self, producer: AIOKafkaProducer, records: Sequence[Record]
    ) -> tuple[BatchBuilder, Sequence[Record]]:
        """As many records as fit into one batch, at least one."""
        batch = producer.create_batch()
        append = batch.append
        for packed, record in enumerate(records):
            envelope = parse(record.envelope)
            fitted = append(
                timestamp=envelope.recorded_at_us // 1000,
                key=envelope.stream.encode(),
                value=envelope.data,
                headers=to_headers(envelope),
            )
            if fitted is None:
                assert packed > 0, "a batch takes its first record whatever its size"
                return batch, records[:packed]
        return batch, records

    async def _deliver(
        self, producer: AIOKafkaProducer, batch: BatchBuilder, records: Sequence[Record]
    ) -> None:
        """Send, wait for the ack, move the cursor: a kill in between repeats this chunk."""
        last = records[-1]
        with span("relay.send") as current:
            link_creation(current, (parse(record.envelope).traceparent for record in records))
            failpoint("relay.before-send")
            delivery = await producer.send_batch(
                batch, kafka_topic(last.topic, self._prefix), partition=last.partition
            )
            failpoint("relay.after-send")
            await delivery
            failpoint("relay.after-ack")
            failpoint("relay.before-move-cursor")
            await self._store.move_cursor(CURSOR, last.topic, last.partition, last.position)
            failpoint("relay.after-move-cursor")
        self.sent_count += len(records)


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return reason_of(error)
