"""Stores that share a database, as processes do; stores opened again."""

import asyncio
from collections.abc import Callable

import pytest

from chassis.store import ClaimRow, ClaimTaken, Store, VersionConflict
from tests.store.test_contract import all_records
from tests.store.writing import append

Open = Callable[[], Store]


async def test_an_opened_store_goes_on_where_it_was_closed(another: Open) -> None:
    for at in range(3):
        store = another()
        await store.open()
        await store.append(append("household-1", at))
        assert await store.appended(0) == at + 1
        await store.close()
    store = another()
    await store.open()
    assert len(await all_records(store)) == 3
    await store.close()


async def test_two_writers_on_the_same_lanes_leave_no_gap_and_no_double(another: Open) -> None:
    stores = [another(), another()]
    for store in stores:
        await store.open()

    async def write(store: Store, name: str) -> None:
        for round_ in range(10):
            await asyncio.gather(
                *(store.append(append(f"household-{name}-{round_}-{n}")) for n in range(20))
            )

    await asyncio.gather(write(stores[0], "a"), write(stores[1], "b"))
    records = await all_records(stores[0])
    assert len(records) == len(set(records)) == 400
    for store in stores:
        await store.close()


async def test_two_writers_on_one_stream_take_turns(another: Open) -> None:
    stores = [another(), another()]
    for store in stores:
        await store.open()
    outcomes = await asyncio.gather(
        *(store.append(append("household-1")) for store in stores), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Receipt", "VersionConflict"]
    for at in range(1, 10):
        await stores[at % 2].append(append("household-1", at))
    with pytest.raises(VersionConflict):
        await stores[0].append(append("household-1", at=3))
    assert len(await all_records(stores[1])) == 10
    for store in stores:
        await store.close()


async def test_two_writers_and_one_claim(another: Open) -> None:
    stores = [another(), another()]
    for store in stores:
        await store.open()
    for number in range(20):
        key = str(number).encode()
        outcomes = await asyncio.gather(
            *(
                store.append(
                    append(f"household-{number}-{n}", claims=(ClaimRow("p", key, f"{n}", "taken"),))
                )
                for n, store in enumerate(stores)
            ),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["ClaimTaken", "Receipt"]
    assert ClaimTaken
    for store in stores:
        await store.close()


async def test_a_reader_sees_what_another_process_appended(another: Open) -> None:
    writer, reader = another(), another()
    await writer.open()
    await reader.open()
    waiting = asyncio.create_task(reader.appended(0))
    await writer.append(append("household-1"))
    assert await asyncio.wait_for(waiting, 5) == 1
    assert len(await reader.load("household-1")) == 1
    await writer.close()
    await reader.close()
