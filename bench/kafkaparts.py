"""One measured process: `bare` and `worker` read the same topic; the last line is the result."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer
from sqlalchemy import Column, Integer, MetaData, String, Table

from bench.kafkalog import TOPIC
from chassis.stream import BATCH_RECORDS, KafkaFeed, run_worker, worker_app
from chassis.topics import kafka_topic
from chassis.views import Rows, View
from chassis.viewstore import ViewStore
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import HouseholdRegistered

metadata = MetaData()
households = Table(
    "households",
    metadata,
    Column("household_id", String, primary_key=True),
    Column("village_id", String),
    Column("main_cause", Integer),
    Column("members", Integer),
    Column("updated_at", Integer().with_variant(Integer(), "sqlite")),
)
villages = Table(
    "villages",
    metadata,
    Column("village_id", String, primary_key=True),
    Column("households", Integer, nullable=False, server_default="0"),
    Column("people", Integer, nullable=False, server_default="0"),
)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    rows.put(
        households,
        (event.household_id,),
        village_id=event.village_id,
        main_cause=event.main_cause,
        members=len(event.members),
        updated_at=envelope.recorded_at_us // 1_000_000,
    )
    rows.add(villages, (event.village_id,), households=1, people=len(event.members))


VIEW = View("files", (households, villages), (TOPIC,), project, (HouseholdRegistered,))


Taken = tuple[float, float]


async def bare(bootstrap: str, prefix: str, count: str) -> Taken:
    """getmany, headers, protobuf: what every consumer must do."""
    consumer = AIOKafkaConsumer(
        kafka_topic(TOPIC, prefix),
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
        fetch_max_bytes=32 * 1024 * 1024,
    )
    await consumer.start()
    left, started, cpu = int(count), 0.0, 0.0
    while left > 0:
        found = await consumer.getmany(timeout_ms=200, max_records=BATCH_RECORDS)
        if found and not started:
            started, cpu = time.perf_counter(), time.process_time()
        for records in found.values():
            for record in records:
                headers = dict(record.headers)
                assert headers["ce_type"]
                HouseholdRegistered.FromString(record.value)
            left -= len(records)
    taken = time.perf_counter() - started, time.process_time() - cpu
    await consumer.stop()
    return taken


class _Timed:
    """Views that note when the first batch came and when the last one was written."""

    def __init__(self, views: ViewStore, count: int, done: Callable[[], object]) -> None:
        self._views = views
        self._left = count
        self._done = done
        self.started = self.ended = (0.0, 0.0)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._views, attribute)

    def apply(self, batches: Sequence[Any]) -> object:
        applied = self._views.apply(batches)
        self._left -= sum(len(batch.records) for batch in batches)
        if self._left <= 0 and not self.ended[0]:
            self.ended = (time.perf_counter(), time.process_time())
            self._done()
        return applied


async def worker(
    bootstrap: str, prefix: str, count: str, place: str, group: str, batch: str = ""
) -> Taken:
    """The whole worker: Faust, feed, checkpoints, rows."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    views = ViewStore(place, [VIEW], [])
    views.create()
    timed = _Timed(views, int(count), lambda: loop.call_soon_threadsafe(stop.set))
    feed = _StartNoted(
        timed,
        [TOPIC],
        bootstrap,
        group=group,
        instance="worker-0",
        prefix=prefix,
        batch_records=int(batch or BATCH_RECORDS),
    )
    data = Path(tempfile.mkdtemp(prefix="bench-worker-"))
    await run_worker(worker_app("bench", [feed.run], data=data), stop=stop)
    return timed.ended[0] - timed.started[0], timed.ended[1] - timed.started[1]


class _StartNoted(KafkaFeed):
    """Notes when the first records are here, as the bare loop does."""

    def _parsed(self, found: Any) -> Any:
        views: Any = self._views
        if found and not views.started[0]:
            views.started = (time.perf_counter(), time.process_time())
        return super()._parsed(found)


if __name__ == "__main__":
    part: Callable[..., Coroutine[Any, Any, Taken]]
    part = bare if sys.argv[1] == "bare" else worker
    seconds, cpu_seconds = uvloop.run(part(*sys.argv[2:]))
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}))
