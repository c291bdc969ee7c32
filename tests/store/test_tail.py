"""The newest records in memory: what a follower reads there is what the database holds."""

from chassis.store.group import EventRow
from chassis.store.tail import Tail
from tests.store.conftest import Open
from tests.store.writing import append

LANE = ("household", 3)


def event(position: int, size: int = 100) -> EventRow:
    return EventRow(LANE, position, f"household-{position}", 1, b"h", bytes(size))


def positions(tail: Tail, after: int, limit: int = 100) -> list[int]:
    return [record.position for record in tail.read(LANE, after, limit)]


def test_it_gives_what_follows_a_position_and_no_more_than_asked() -> None:
    tail = Tail()
    tail.add([event(n) for n in range(1, 11)])
    assert positions(tail, 0) == list(range(1, 11))
    assert positions(tail, 4, limit=3) == [5, 6, 7]
    assert positions(tail, 10) == []


def test_it_forgets_the_oldest_and_then_says_nothing_rather_than_leave_a_gap() -> None:
    tail = Tail(most_bytes=500)
    tail.add([event(n) for n in range(1, 11)])
    assert positions(tail, 5) == [6, 7, 8, 9, 10]
    assert positions(tail, 4) == []


def test_it_stops_where_another_process_has_written() -> None:
    tail = Tail()
    tail.add([event(1), event(2), event(5)])
    assert positions(tail, 0) == [1, 2]
    assert positions(tail, 2) == []
    assert positions(tail, 4) == [5]


async def test_a_follower_reads_the_same_from_memory_and_from_the_database(another: Open) -> None:
    writer, reader = another(), another()
    await writer.open()
    await reader.open()
    for number in range(40):
        await writer.append(append(f"household-{number}"))
    after = {(topic, lane): 0 for topic in writer.topics for lane in range(12)}
    assert await writer.read_lanes(after, 100) == await reader.read_lanes(after, 100)
    assert sum(len(records) for records in (await writer.read_lanes(after, 100)).values()) == 40
    await writer.close()
    await reader.close()


async def test_a_lane_that_two_processes_write_is_followed_whole(another: Open) -> None:
    stores = [another(), another()]
    for store in stores:
        await store.open()
    for number in range(10):
        await stores[number % 2].append(append(f"household-{number}"))
    seen: dict[tuple[str, int], int] = {("household", lane): 0 for lane in range(12)}
    for _ in range(12):
        for lane, records in (await stores[0].read_lanes(seen, 100)).items():
            for record in records:
                assert record.position == seen[lane] + 1
                seen[lane] = record.position
    assert sum(seen.values()) == 10
    for store in stores:
        await store.close()
