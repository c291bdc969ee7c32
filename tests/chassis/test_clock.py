import asyncio
from datetime import UTC, datetime, timedelta

from chassis.clock import ManualClock, SystemClock
from chassis.times import moment

START = datetime(2020, 3, 2, 1, 2, 3, 456789, tzinfo=UTC)


def test_a_moment_keeps_its_microseconds() -> None:
    clock = ManualClock(START)
    assert clock.now() == START
    assert moment(clock.now_us()) == START


def test_the_systems_clock_is_aware_and_near() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_sleepers_wake_in_the_order_of_their_time_and_see_it() -> None:
    clock = ManualClock(START)
    woken: list[tuple[str, datetime]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    tasks = [asyncio.create_task(sleeper(name, s)) for name, s in (("b", 2), ("c", 3), ("a", 1))]
    await asyncio.sleep(0)
    await clock.advance(2.5)

    second = timedelta(seconds=1)
    assert woken == [("a", START + second), ("b", START + 2 * second)]
    assert clock.next_wake_us is not None
    await clock.advance(1)
    await asyncio.gather(*tasks)
    assert clock.next_wake_us is None


async def test_a_sleeper_that_sleeps_again_wakes_within_the_same_advance() -> None:
    clock = ManualClock(START)
    ticks: list[datetime] = []

    async def ticker() -> None:
        for _ in range(3):
            await clock.sleep(1)
            ticks.append(clock.now())

    task = asyncio.create_task(ticker())
    await asyncio.sleep(0)
    await clock.advance(10)
    await task
    assert ticks == [START + timedelta(seconds=n) for n in (1, 2, 3)]


async def test_a_cancelled_sleeper_does_not_stop_the_clock() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await clock.advance(2)
    assert clock.now() == START + timedelta(seconds=2)


async def test_a_clock_set_back_wakes_nobody() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    clock.set_back(3600)
    await clock.advance(10)
    assert not task.done()
    task.cancel()
