"""The embedded feed: from the stores' lanes to the views, for as long as it runs and after it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.envelope import parse
from chassis.follow import Follower
from chassis.lanes import LANES_PER_TOPIC
from chassis.store import Append, NewEvent, Record, SqliteStore, StreamWrite
from chassis.viewstore import ViewBehind, ViewStore
from tests.views.world import VILLAGES, Log, folded, lived, make, rows
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.types.v1.types_pb2 import Position


@pytest.fixture
async def stores() -> AsyncIterator[dict[str, SqliteStore]]:
    found = {topic: SqliteStore(":memory:", (topic,), SystemClock()) for topic in TOPICS}
    for store in found.values():
        await store.open()
    yield found
    for store in found.values():
        await store.close()


TOPICS = ("household", "plan")


async def keep(stores: dict[str, SqliteStore], events: list[Envelope]) -> list[Position]:
    """Append events as a handler would, one command each."""
    positions = []
    for event in events:
        new = NewEvent(event.type, event.data, "")
        write = StreamWrite(event.topic, event.stream, event.version - 1, (new,))
        command_id = f"{id(stores)}-{event.id}"
        receipt = await stores[event.topic].append(Append(command_id, b"d", (write,)))
        positions.append(receipt.position)
    return positions


async def stored(stores: dict[str, SqliteStore]) -> list[Envelope]:
    found = []
    for topic, store in stores.items():
        for partition in range(LANES_PER_TOPIC):
            for record in await store.read(topic, partition, 0, 100_000):
                found.append(parse(record.envelope))
    return found


async def until(true: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def caught_up(views: ViewStore, events: list[Envelope]) -> Callable[[], bool]:
    """Whether every consumer has applied as many records as its topics hold."""
    count = {topic: sum(event.topic == topic for event in events) for topic in TOPICS}

    def check() -> bool:
        return all(
            sum(each.position for each in views.checkpoints(name).values())
            == sum(count[topic] for topic in consumer.topics)
            for name, consumer in views.consumers.items()
        )

    return check


async def test_views_follow_what_is_stored(url: str, stores: dict[str, SqliteStore]) -> None:
    log = lived(1, 300)
    views = make(url)
    running = asyncio.create_task(Follower(stores, views).run())
    await keep(stores, log.events)
    await until(caught_up(views, log.events))
    running.cancel()
    await asyncio.wait([running])
    assert folded(await stored(stores)) == rows(views)


async def test_a_query_waits_for_its_own_write(url: str, stores: dict[str, SqliteStore]) -> None:
    log = Log()
    views = make(url)
    running = asyncio.create_task(Follower(stores, views).run())
    for number in range(20):
        (position,) = await keep(stores, [log.register(number)])
        await views.wait_for(["files", "villages"], position, 5)
        assert number + 1 == len(rows(views)["files"])
    running.cancel()
    await asyncio.wait([running])


async def test_a_query_does_not_wait_for_ever(url: str) -> None:
    views = make(url)
    position = Position(topic="household", partition=0, position=1)
    with pytest.raises(ViewBehind):
        await views.wait_for(["files"], position, 0.05)


async def test_a_new_follower_goes_on_where_the_last_one_was(
    tmp_path: Path, stores: dict[str, SqliteStore]
) -> None:
    log = lived(2, 400)
    place = str(tmp_path / "views.db")
    for start in range(0, 400, 100):
        views = make(place)
        await keep(stores, log.events[start : start + 100])
        running = asyncio.create_task(Follower(stores, views, batch_records=7).run())
        await until(caught_up(views, log.events[: start + 100]))
        running.cancel()
        await asyncio.wait([running])
        views.close()
    assert folded(await stored(stores)) == rows(make(place))


async def test_a_rebuilt_view_catches_up_while_the_others_stay_fresh(
    url: str, stores: dict[str, SqliteStore]
) -> None:
    log = lived(3, 300)
    views = make(url)
    running = asyncio.create_task(Follower(stores, views, batch_records=10).run())
    await keep(stores, log.events[:250])
    await until(caught_up(views, log.events[:250]))
    await views.beside(lambda: views.rebuild("villages"))
    (position,) = await keep(stores, [log.events[250]])
    await views.wait_for(["files"], position, 5)
    await keep(stores, log.events[251:])
    await until(caught_up(views, log.events))
    running.cancel()
    await asyncio.wait([running])
    assert folded(await stored(stores)) == rows(views)


async def test_a_view_rebuilt_by_another_process_is_noticed_without_new_events(
    tmp_path: Path, stores: dict[str, SqliteStore]
) -> None:
    log = lived(4, 100)
    views, other = (make(str(tmp_path / "views.db")) for _ in "ab")
    running = asyncio.create_task(Follower(stores, views).run())
    await keep(stores, log.events)
    await until(caught_up(views, log.events))
    await asyncio.sleep(0.1)
    other.rebuild("villages")
    assert rows(other, VILLAGES)["villages"] == []
    await until(caught_up(views, log.events))
    running.cancel()
    await asyncio.wait([running])
    assert folded(await stored(stores)) == rows(views)


class Holed(SqliteStore):
    """A lane that has lost a record, for as many reads as it is told."""

    lost_reads = 0
    reads = 0

    async def read_lanes(
        self, after: Mapping[tuple[str, int], int], limit: int
    ) -> dict[tuple[str, int], list[Record]]:
        read = await super().read_lanes(after, limit)
        for lane, records in read.items():
            if self.lost_reads and any(record.position == 2 for record in records):
                self.lost_reads -= 1
                read[lane] = [record for record in records if record.position != 2]
        return read


@pytest.mark.parametrize(("lost_reads", "stopped"), [(1, set()), (9, {"villages", "files"})])
async def test_a_hole_is_read_once_more_before_it_stops_anything(
    url: str, lost_reads: int, stopped: set[str]
) -> None:
    store = Holed(":memory:", TOPICS, SystemClock())
    await store.open()
    stores: dict[str, SqliteStore] = dict.fromkeys(TOPICS, store)
    log = Log()
    events = [log.register(1), log.register(1), log.register(1), log.approve(2)]
    await keep(stores, events)
    store.lost_reads = lost_reads
    views = make(url)
    running = asyncio.create_task(Follower(stores, views).run())
    await until(
        lambda: (
            views.stopped().keys() == stopped and len(views.checkpoints("deadlines:visits-due")) > 0
        )
    )
    if not stopped:
        await until(caught_up(views, events))
    running.cancel()
    await asyncio.wait([running])
    assert stopped == set(views.stopped())
    await store.close()


async def test_a_feed_survives_a_store_that_is_away_for_a_while(
    url: str, stores: dict[str, SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.follow.RETRY_AFTER_S", 0.01)
    log = lived(5, 50)
    views = make(url, clock=SystemClock())
    away = 3

    class Flaky(SqliteStore):
        async def read_lanes(
            self, after: Mapping[tuple[str, int], int], limit: int
        ) -> dict[tuple[str, int], list[Record]]:
            nonlocal away
            if away:
                away -= 1
                raise OSError("away")
            return await super().read_lanes(after, limit)

    for store in stores.values():
        store.__class__ = Flaky
    running = asyncio.create_task(Follower(stores, views).run())
    await keep(stores, log.events)
    await until(caught_up(views, log.events))
    running.cancel()
    await asyncio.wait([running])


async def test_the_events_arrive_within_milliseconds(
    url: str, stores: dict[str, SqliteStore]
) -> None:
    log = Log()
    views = make(url)
    running = asyncio.create_task(Follower(stores, views).run())
    waited = []
    for number in range(30):
        (position,) = await keep(stores, [log.register(number)])
        started = time.perf_counter()
        await views.wait_for(["files"], position, 5)
        waited.append(time.perf_counter() - started)
    running.cancel()
    await asyncio.wait([running])
    assert sorted(waited)[15] < 0.2
