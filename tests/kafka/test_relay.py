"""Every stored event reaches its partition in the order of its lane, whatever dies on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from chassis import telemetry
from chassis.clock import SystemClock
from chassis.failpoints import FAILPOINTS
from chassis.lanes import LANES_PER_TOPIC
from chassis.relay import CURSOR, Relay
from chassis.store import Append, NewEvent, Record, SqliteStore, StreamWrite
from chassis.topics import ensure_topics
from tests.kafka.brokers import delivered, program, trimmed, until
from tests.kafka.rig import TOPIC, event_pairs

Fill = Callable[[int, int], Awaitable[None]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "registry.db", (TOPIC,), SystemClock())
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def fill(store: SqliteStore) -> Fill:
    """fill(count, seed) appends that many events."""

    async def append(count: int, seed: int) -> None:
        streams: dict[str, int] = {}
        appends = []
        for n, (stream, event) in enumerate(event_pairs(count, seed)):
            version = streams.get(stream, 0)
            streams[stream] = version + 1
            new = NewEvent(event.DESCRIPTOR.full_name, event.SerializeToString(), "2026-10-01")
            appends.append(
                Append(
                    command_id=f"{seed}-{n}",
                    digest=b"d",
                    writes=(StreamWrite(TOPIC, stream, version, (new,)),),
                    actor="office-433124",
                )
            )
        await asyncio.gather(*(store.append(each) for each in appends))

    return append


@pytest.fixture
def prefix(kafka_bootstrap: str, topic_prefix: str) -> str:
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    return topic_prefix


async def stored(store: SqliteStore) -> dict[int, list[bytes]]:
    lanes: dict[int, list[bytes]] = {}
    for partition in range(LANES_PER_TOPIC):
        records: list[Record] = await store.read(TOPIC, partition, 0, 1_000_000)
        if records:
            lanes[partition] = [record.envelope for record in records]
    return lanes


async def relayed(store: SqliteStore) -> bool:
    """Whether every lane's cursor stands at its head."""
    for head in await store.heads():
        if await store.cursor(CURSOR, head.topic, head.partition) != head.position:
            return False
    return True


async def wait_relayed(store: SqliteStore) -> None:
    async with asyncio.timeout(30):
        while not await relayed(store):  # noqa: ASYNC110 - another process may move it
            await asyncio.sleep(0.02)


async def assert_exact(store: SqliteStore, bootstrap: str, prefix: str) -> int:
    """Trimmed by position, the topic is the store byte for byte; tells how many were repeated."""
    found = await asyncio.to_thread(delivered, bootstrap, prefix)
    kept = {
        partition: [e.SerializeToString(deterministic=True) for e in trimmed(records)]
        for partition, records in found.items()
    }
    assert kept == await stored(store)
    return sum(map(len, found.values())) - sum(map(len, kept.values()))


async def test_the_topic_is_the_store_byte_for_byte(
    store: SqliteStore, fill: Fill, kafka_bootstrap: str, prefix: str
) -> None:
    await fill(2_000, 1)
    relay = asyncio.create_task(Relay(store, [TOPIC], kafka_bootstrap, prefix=prefix).run())
    await wait_relayed(store)
    # What is appended while the relay runs follows at once.
    await fill(200, 2)
    await wait_relayed(store)
    relay.cancel()

    assert await assert_exact(store, kafka_bootstrap, prefix) == 0


async def test_an_event_larger_than_a_batch_travels_alone(
    store: SqliteStore, kafka_bootstrap: str, prefix: str
) -> None:
    for n, size in enumerate([10, 700_000, 10]):
        new = NewEvent("tuopin.types.v1.Note", bytes(size), "2026-10-01")
        write = StreamWrite(TOPIC, "household-large", n, (new,))
        await store.append(Append(command_id=str(n), digest=b"d", writes=(write,)))
    relay = asyncio.create_task(Relay(store, [TOPIC], kafka_bootstrap, prefix=prefix).run())
    await wait_relayed(store)
    relay.cancel()

    assert await assert_exact(store, kafka_bootstrap, prefix) == 0


async def test_the_span_of_a_batch_links_to_the_spans_that_decided_its_events(
    store: SqliteStore, kafka_bootstrap: str, prefix: str
) -> None:
    with telemetry.recorded() as exporter:
        with telemetry.span("decide") as decided:
            new = NewEvent("tuopin.types.v1.Note", b"", "2026-10-01")
            write = StreamWrite(TOPIC, "household-traced", 0, (new,))
            append = Append("1", b"d", (write,), traceparent=telemetry.traceparent())
            await store.append(append)
        relay = asyncio.create_task(Relay(store, [TOPIC], kafka_bootstrap, prefix=prefix).run())
        await wait_relayed(store)
        relay.cancel()
        await asyncio.wait([relay])
        sent = [span for span in exporter.get_finished_spans() if span.name == "relay.send"]

    assert [link.context.span_id for span in sent for link in span.links] == [
        decided.get_span_context().span_id
    ]


async def test_two_relays_at_once_do_no_harm(
    store: SqliteStore, fill: Fill, tmp_path: Path, kafka_bootstrap: str, prefix: str
) -> None:
    await fill(2_000, 1)
    relays = [
        asyncio.create_task(Relay(store, [TOPIC], kafka_bootstrap, prefix=prefix).run())
        for _ in range(2)
    ]
    await wait_relayed(store)
    await fill(500, 2)
    await wait_relayed(store)
    for relay in relays:
        relay.cancel()
    await asyncio.gather(*relays, return_exceptions=True)

    await assert_exact(store, kafka_bootstrap, prefix)


RELAY_FAILPOINTS = sorted(name for name in FAILPOINTS if name.startswith("relay."))


@pytest.mark.parametrize("name", RELAY_FAILPOINTS)
async def test_a_relay_killed_there_loses_nothing(
    name: str, store: SqliteStore, fill: Fill, tmp_path: Path, kafka_bootstrap: str, prefix: str
) -> None:
    await fill(300, 1)
    hits = tmp_path / "hits"
    with program(
        "tests.kafka.relaying",
        *(str(tmp_path / "registry.db"), kafka_bootstrap, prefix),
        TUOPIN_FAILPOINTS=f"{name}:3=kill",
        TUOPIN_FAILPOINT_LOG=str(hits),
    ) as killed:
        await asyncio.to_thread(until, lambda: killed.poll() is not None, f"the kill at {name}")
    assert hits.read_text() == f"{name}\n"

    relay = asyncio.create_task(Relay(store, [TOPIC], kafka_bootstrap, prefix=prefix).run())
    await wait_relayed(store)
    relay.cancel()

    repeated = await assert_exact(store, kafka_bootstrap, prefix)
    if name == "relay.after-ack":
        # Acknowledged, but the cursor had not moved.
        assert repeated > 0
