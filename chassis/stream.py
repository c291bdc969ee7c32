"""From Kafka to the views: an own consumer loop, and Faust as the host of a worker's parts.

The truth is the checkpoint in the views' own database: lane position and Kafka offset. Offsets
only place the reader; positions decide. A relay may repeat chunks and two workers may hold the
same partition for a moment: the fence in `ViewStore.apply` makes both harmless.
"""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import faust
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError
from faust.app.base import BootStrategy
from faust.contrib.asgi import faust_app_running
from mode import Service

from chassis.envelope import from_headers
from chassis.failpoints import failpoint
from chassis.sending import reason_of
from chassis.telemetry import span
from chassis.topichistory import KafkaHistory
from chassis.topics import PREFIX, kafka_topic
from chassis.tracing import link_creation
from chassis.viewstore import Batch, Hole, HoleFound, Rewound

__all__ = ["KafkaFeed", "KafkaHistory", "Timer", "run_worker", "worker_app"]

R = TypeVar("R")

# One write: large enough for COPY to pay, small enough for a view to be fresh.
BATCH_RECORDS = 5_000
POLL_MS = 200
RETRY_AFTER_S = 1.0
# How often Kafka is told where we are; nothing but lag figures depends on it.
HINT_EVERY_S = 5.0

log = structlog.get_logger(__name__)


class Views(Protocol):
    """What the loop needs of a ViewStore; all of it blocks and runs in the loop's one thread."""

    def apply(self, batches: Sequence[Batch]) -> object: ...

    def start_offsets(self) -> Mapping[tuple[str, int], int]:
        """Per lane the first offset that some running consumer has not applied."""
        ...

    def rewound(self) -> bool:
        """Whether somebody (a rebuild) set a consumer back since the last `start_offsets`."""
        ...

    def stop_consumer(self, consumer: str, reason: str, hole: Hole | None = None) -> None: ...

    def resume(self) -> None:
        """Let stopped consumers try again."""
        ...


class _Clears(ConsumerRebalanceListener):  # type: ignore[misc]
    """Only clears: aiokafka runs listeners after it published the assignment, so a seek made
    here would come after records were read.
    """

    def __init__(self, clear: Callable[[], None]) -> None:
        self._clear = clear

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._clear()


class KafkaFeed:
    """Feeds the views of one worker from Kafka until cancelled; broker and database may come
    and go.

    `instance` is the worker's stable name (static membership): restarted within the session's
    10 seconds it gets its partitions back without a rebalance.
    """

    def __init__(
        self,
        views: Views,
        topics: Sequence[str],
        bootstrap: str,
        *,
        group: str,
        instance: str,
        prefix: str = PREFIX,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        self._views = views
        self._topics = {kafka_topic(topic, prefix): topic for topic in topics}
        self._bootstrap = bootstrap
        self._group = group
        self._instance = instance
        self._batch_records = batch_records
        self._positioned: set[TopicPartition] = set()
        # Holes seen once, per consumer and lane: the position that was missing.
        self._holes: dict[tuple[str, str, int], int] = {}
        self._hints: dict[TopicPartition, int] = {}
        self._hint_due_s = 0.0
        self._resumed = False
        self.failures_count = 0
        self.applied_count = 0
        self.healthy = False

    def reposition(self) -> None:
        """Start again from the checkpoints, because somebody else has changed them."""
        self._positioned.clear()

    async def run(self) -> None:
        """Feed for ever: after a fault the next consumer starts from the checkpoints."""
        # This thread owns the connection: writes and reads of checkpoints never overlap.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="views") as writer:
            while True:
                try:
                    await self._run_once(writer)
                except Exception as error:  # the world's fault, whatever it is: begin again
                    self.healthy = False
                    self.failures_count += 1
                    log.warning("stream.restarted", group=self._group, error=reason_of(error))
                    await asyncio.sleep(RETRY_AFTER_S)

    async def _run_once(self, writer: ThreadPoolExecutor) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 * 1024 * 1024,
            fetch_max_bytes=32 * 1024 * 1024,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
        )
        self._positioned.clear()
        if not self._resumed:
            # A restart may have brought the fix; what is still wrong stops again.
            await _in(writer, self._views.resume)
            self._resumed = True
        consumer.subscribe(list(self._topics), listener=_Clears(self._positioned.clear))
        written: asyncio.Future[None] | None = None
        try:
            await consumer.start()
            while True:
                await self._position(consumer, writer)
                found = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch_records)
                # Parsed while the batch before it is being written.
                batches = self._parsed(found)
                if written is not None:
                    await self._settled(writer, written)
                elif not batches and await _in(writer, self._views.rewound):
                    self.reposition()
                written = self._write(writer, batches)
                self.healthy = True
                await self._hint(consumer)
        finally:
            with contextlib.suppress(Exception):
                await consumer.stop()
            if written is not None:
                # A cancelled feed leaves no write behind that nobody waits for.
                await asyncio.wait([written])

    async def _position(self, consumer: AIOKafkaConsumer, writer: ThreadPoolExecutor) -> None:
        """Seek partitions that are new here; until then their records are ignored."""
        if consumer.assignment() <= self._positioned:
            return
        offsets = await _in(writer, self._views.start_offsets)
        # The assignment as it is now: a rebalance may have come while the checkpoints were read.
        for at in consumer.assignment() - self._positioned:
            with contextlib.suppress(IllegalStateError):
                consumer.seek(at, offsets.get((self._topics[at.topic], at.partition), 0))
                self._positioned.add(at)

    def _parsed(self, found: Mapping[TopicPartition, Sequence[Any]]) -> dict[TopicPartition, Batch]:
        batches = {}
        for at, records in found.items():
            if at in self._positioned:
                read = [(from_headers(r.headers, r.value), r.offset) for r in records]
                batches[at] = Batch(
                    self._topics[at.topic],
                    at.partition,
                    [(envelope.position, envelope, offset) for envelope, offset in read],
                )
        return batches

    def _write(
        self, writer: ThreadPoolExecutor, batches: Mapping[TopicPartition, Batch]
    ) -> "asyncio.Future[None] | None":
        # A hole in the batch before this one may have taken partitions away meanwhile.
        kept = {at: batch for at, batch in batches.items() if at in self._positioned}
        if not kept:
            return None
        return asyncio.get_running_loop().run_in_executor(writer, self._apply, kept)

    def _apply(self, batches: Mapping[TopicPartition, Batch]) -> None:
        with span("stream.apply") as current:
            link_creation(
                current,
                (record[1].traceparent for batch in batches.values() for record in batch.records),
            )
            self._views.apply(list(batches.values()))
        self.applied_count += sum(len(batch.records) for batch in batches.values())
        for at, batch in batches.items():
            offset = batch.records[-1][2]
            assert offset is not None, "records of Kafka have offsets"
            self._hints[at] = offset + 1

    async def _settled(self, writer: ThreadPoolExecutor, written: "asyncio.Future[None]") -> None:
        """Wait for a write. A hole is read once more before it stops its consumer."""
        try:
            await written
        except Rewound:
            self.reposition()
        except HoleFound as found:
            for hole in found.holes:
                self._forget(hole.topic, hole.partition)
                key = (hole.consumer, hole.topic, hole.partition)
                if self._holes.get(key) == hole.expected:
                    reason = f"hole: {hole.expected} missing before {hole.found}"
                    stop = partial(self._views.stop_consumer, hole.consumer, reason, hole)
                    await _in(writer, stop)
                self._holes[key] = hole.expected

    def _forget(self, topic: str, partition: int) -> None:
        for at in list(self._positioned):
            if self._topics[at.topic] == topic and at.partition == partition:
                self._positioned.discard(at)

    async def _hint(self, consumer: AIOKafkaConsumer) -> None:
        """Tell Kafka where we are, now and then, for whoever looks at lags."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._hint_due_s:
            return
        self._hint_due_s = now_s + HINT_EVERY_S
        assigned = consumer.assignment()
        hints = {at: offset for at, offset in self._hints.items() if at in assigned}
        self._hints.clear()
        if hints:
            failpoint("stream.before-commit")
            with contextlib.suppress(Exception):
                await consumer.commit(hints)
            failpoint("stream.after-commit")


async def _in(writer: ThreadPoolExecutor, work: Callable[[], R]) -> R:
    return await asyncio.get_running_loop().run_in_executor(writer, work)


@dataclass(frozen=True, slots=True)
class Timer:
    """Something a worker does again and again: an alarm evaluated, a deadline sent."""

    name: str
    interval_s: float
    run: Callable[[], Awaitable[object]]


class _HostOnly(BootStrategy):  # type: ignore[misc]
    enable_kafka = False
    enable_web = False


class _Host(faust.App):  # type: ignore[misc]
    # As a keyword of the constructor it would be ignored.
    BootStrategy = _HostOnly


def worker_app(
    service: str,
    parts: Sequence[Callable[[], Awaitable[None]]],
    timers: Sequence[Timer] = (),
    *,
    data: Path,
) -> faust.App:
    """A Faust app that hosts a worker: parts run until it stops (feed, relay), timers recur."""
    app = _Host(
        f"tuopin-{service}",
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        datadir=str(data),
    )
    for run in parts:
        app.service(_part(run))
    for timer in timers:
        app.timer(timer.interval_s, name=timer.name)(_guarded(timer))
    return app


def _part(run: Callable[[], Awaitable[None]]) -> type[Service]:
    class Part(Service):  # type: ignore[misc]
        @Service.task  # type: ignore[untyped-decorator]
        async def _run(self) -> None:
            await run()

    return Part


def _guarded(timer: Timer) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        # Faust ends the worker when a timer raises; the next round may well succeed.
        try:
            await timer.run()
        except Exception as error:
            log.warning("timer.failed", timer=timer.name, error=reason_of(error))

    run.__name__ = run.__qualname__ = timer.name
    return run


def _tune() -> None:
    """Batches are many small objects without cycles, which every full collection walks through:
    a third of a worker's time before this.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


async def run_worker(app: faust.App, *, stop: asyncio.Event | None = None) -> None:
    """Run the app on this loop until SIGTERM, SIGINT or `stop`; raises what a part died of."""
    _tune()
    stopping = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        async with faust_app_running(app):
            await app.wait(stopping.wait())
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    # A crash of a part stops the app, and Faust says no more about it.
    if app.crash_reason is not None:
        raise app.crash_reason
