"""What stands in a topic, read with kafka-python: another client than the one that wrote it."""

import contextlib
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition

from chassis.envelope import from_headers, to_headers
from chassis.lanes import LANES_PER_TOPIC
from chassis.topics import kafka_topic
from tests.kafka.rig import TOPIC
from tuopin.envelope.v1.envelope_pb2 import Envelope

ROOT = Path(__file__).resolve().parent.parent.parent


def delivered(bootstrap: str, prefix: str, topic: str = TOPIC) -> dict[int, list[Envelope]]:
    """Every record per partition in the order of its offsets."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    lanes = [TopicPartition(kafka_topic(topic, prefix), n) for n in range(LANES_PER_TOPIC)]
    consumer.assign(lanes)
    ends = consumer.end_offsets(lanes)
    found: dict[int, list[Envelope]] = defaultdict(list)
    while any(consumer.position(lane) < ends[lane] for lane in lanes):
        for lane, records in consumer.poll(timeout_ms=500).items():
            found[lane.partition] += [from_headers(r.headers, r.value) for r in records]
    consumer.close()
    return found


def trimmed(records: Sequence[Envelope]) -> list[Envelope]:
    """What a reader keeps: the next position or nothing. A hole fails here."""
    kept: list[Envelope] = []
    for envelope in records:
        assert envelope.position <= len(kept) + 1, "a hole"
        if envelope.position == len(kept) + 1:
            kept.append(envelope)
    return kept


async def produce(
    bootstrap: str, prefix: str, log: Sequence[Envelope], *, repeat_every: int = 0
) -> None:
    """Put a log on its topic; every n-th chunk of 50 is sent twice, as a killed relay would."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", linger_ms=5
    )
    await producer.start()
    lanes: dict[int, list[Envelope]] = defaultdict(list)
    for envelope in log:
        lanes[envelope.partition].append(envelope)
    sent = []
    for partition, lane in lanes.items():
        for n, start in enumerate(range(0, len(lane), 50)):
            twice = 2 if repeat_every and n % repeat_every == 0 else 1
            for envelope in lane[start : start + 50] * twice:
                future = await producer.send(
                    kafka_topic(TOPIC, prefix),
                    key=envelope.stream.encode(),
                    value=envelope.data,
                    headers=to_headers(envelope),
                    partition=partition,
                )
                sent.append(future)
    for future in sent:
        await future
    await producer.stop()


@contextlib.contextmanager
def program(module: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module` as a process of its own, killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s} s"
        time.sleep(0.05)
