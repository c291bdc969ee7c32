"""The log that the Kafka benchmarks move, and the two ways of moving it: bare and relayed."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from chassis.envelope import parse, to_headers
from chassis.lanes import LANES_PER_TOPIC
from chassis.relay import BATCH_BYTES, Relay
from chassis.store import Append, NewEvent, Store, StreamWrite
from chassis.topics import kafka_topic
from tuopin.registry.v1.household_pb2 import (
    ATTRIBUTE_ORDINARY_POOR,
    CAUSE_ILLNESS,
    HEALTH_HEALTHY,
    LABOUR_ORDINARY,
    RELATION_OTHER,
    SEX_FEMALE,
    HouseholdRegistered,
    Income,
    Member,
)

TOPIC = "household"
GROUP = "bench"
VILLAGES = [f"43312410{n:04d}" for n in range(300)]
# Appends that wait at once; the store refuses more than 20,000.
WAVE = 5_000

# As long as a sealed name or number is.
SEALED = "sealed:1:" + "A" * 62


def household(n: int) -> HouseholdRegistered:
    """A file of three members, every personal field sealed."""
    return HouseholdRegistered(
        household_id=f"0192f0c1-0000-7000-8000-{n:012d}",
        source="433124",
        household_number=f"N{n}",
        village_id=VILLAGES[n % len(VILLAGES)],
        attribute=ATTRIBUTE_ORDINARY_POOR,
        main_cause=CAUSE_ILLNESS,
        members=[
            Member(
                person_id=f"0192f0c1-{m:04d}-7000-8000-{n:012d}",
                name=SEALED,
                identity_number=SEALED,
                phone=SEALED,
                bank_card=SEALED,
                relation=RELATION_OTHER,
                birth_year=1970 + m,
                sex=SEX_FEMALE,
                health=HEALTH_HEALTHY,
                labour=LABOUR_ORDINARY,
            )
            for m in range(3)
        ],
        income=Income(year=2025, wages_fen=400_000),
        address=SEALED,
        effective_on="2026-10-01",
        synthetic=True,
    )


async def fill(store: Store, count: int) -> None:
    """`count` registrations, one stream each."""
    for start in range(0, count, WAVE):
        appends = []
        for n in range(start, min(start + WAVE, count)):
            event = household(n)
            new = NewEvent(event.DESCRIPTOR.full_name, event.SerializeToString(), "2026-10-01")
            write = StreamWrite(TOPIC, f"household-{event.household_id}", 0, (new,))
            appends.append(
                Append(
                    command_id=f"0192f0c1-ffff-7000-8000-{n:012d}",
                    digest=b"d" * 32,
                    writes=(write,),
                    actor="office-433124",
                    traceparent=f"00-{n + 1:032x}-{n + 1:016x}-00",
                    programme="2026.1",
                )
            )
        await asyncio.gather(*(store.append(each) for each in appends))


async def bare_relay(store: Store, bootstrap: str, prefix: str) -> float:
    """Seconds to send what is ready in memory: create_batch, append, send_batch, ack."""
    lanes: list[list[tuple[bytes, bytes, list[tuple[str, bytes]], int]]] = []
    for partition in range(LANES_PER_TOPIC):
        records = await store.read(TOPIC, partition, 0, 10_000_000)
        envelopes = [parse(record.envelope) for record in records]
        lanes.append(
            [
                (e.stream.encode(), e.data, to_headers(e), e.recorded_at_us // 1000)
                for e in envelopes
            ]
        )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        max_batch_size=BATCH_BYTES,
        max_request_size=64 * 1024 * 1024,
    )
    await producer.start()
    topic = kafka_topic(TOPIC, prefix)
    started = time.perf_counter()
    await asyncio.gather(
        *(_send_lane(producer, topic, partition, lane) for partition, lane in enumerate(lanes))
    )
    seconds = time.perf_counter() - started
    await producer.stop()
    return seconds


async def _send_lane(
    producer: AIOKafkaProducer, topic: str, partition: int, lane: Sequence[Any]
) -> None:
    acks, at = [], 0
    while at < len(lane):
        batch = producer.create_batch()
        for key, value, headers, timestamp in lane[at:]:
            if batch.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
                break
            at += 1
        acks.append(await producer.send_batch(batch, topic, partition=partition))
    for ack in acks:
        await ack


class _FromStart:
    """The same store to a relay that never ran: cursors of its own name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._store, attribute)

    async def cursor(self, _: str, topic: str, partition: int) -> int:
        return await self._store.cursor(self._name, topic, partition)

    async def move_cursor(self, _: str, topic: str, partition: int, position: int) -> None:
        await self._store.move_cursor(self._name, topic, partition, position)


async def relay(store: Store, bootstrap: str, prefix: str) -> float:
    """Seconds until everything stored is acknowledged and every cursor stands at its head."""
    count = sum(head.position for head in await store.heads())
    relaying = Relay(_FromStart(store, prefix), [TOPIC], bootstrap, prefix=prefix)
    started = time.perf_counter()
    task = asyncio.create_task(relaying.run())
    while relaying.sent_count < count:  # noqa: ASYNC110 - the relay itself stays as it is
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - started
    task.cancel()
    await asyncio.wait([task])
    assert relaying.failures_count == 0
    return seconds
