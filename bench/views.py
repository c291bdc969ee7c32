"""The embedded feed beside a bare loop that reads and parses the same records."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.kafkalog import TOPIC, fill
from bench.kafkaparts import VIEW
from chassis.clock import SystemClock
from chassis.envelope import event_of, parse
from chassis.follow import BATCH_RECORDS, Follower
from chassis.lanes import LANES_PER_TOPIC
from chassis.store import SqliteStore, Store
from chassis.viewstore import ViewStore

TARGET = 0.5
# In turns, the best of each: a neighbour's noise on a shared machine only ever slows down.
ROUNDS = 3


def rows(quick: bool) -> list[dict[str, Any]]:
    """View records/s of the embedded feed, and its growth from a quarter to the whole."""
    return uvloop.run(_rows(40_000 if quick else 200_000))


async def _rows(count: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bench-views-") as folder:
        quarter = await _best(Path(folder, "quarter"), count // 4)
        whole = await _best(Path(folder, "whole"), count)
    return [
        _row("view, embedded feed, SQLite", whole, "bare loop: read + parse", TARGET),
        {
            "name": "view, embedded feed, four times the events",
            "value": round(whole[0], 3),
            "unit": "records/s",
            "against": "a quarter of the events",
            "against_value": round(quarter[0], 3),
            "ratio": round(whole[0] / quarter[0], 3),
            "target": 0.85,
        },
    ]


def _row(name: str, found: tuple[float, float], against: str, target: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(found[0], 3),
        "unit": "records/s",
        "against": against,
        "against_value": round(found[1], 3),
        "ratio": round(found[0] / found[1], 3),
        "target": target,
    }


async def _best(folder: Path, count: int) -> tuple[float, float]:
    """Best rates of the feed and of the bare loop."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs yet
    store = SqliteStore(folder / "store.db", (TOPIC,), SystemClock())
    await store.open()
    await fill(store, count)
    ours, bare = [], []
    for turn in range(ROUNDS):
        bare.append(count / await _bare(store))
        ours.append(count / await _fed(store, folder / f"views-{turn}.db", count))
    await store.close()
    return max(ours), max(bare)


async def _bare(store: Store) -> float:
    started = time.perf_counter()
    for partition in range(LANES_PER_TOPIC):
        after = 0
        while records := await store.read(TOPIC, partition, after, BATCH_RECORDS):
            for record in records:
                event_of(parse(record.envelope))
            after = records[-1].position
    return time.perf_counter() - started


async def _fed(store: Store, place: Path, count: int) -> float:
    views = ViewStore(str(place), [VIEW], [])
    views.create()
    follower = Follower({TOPIC: store}, views)
    started = time.perf_counter()
    running = asyncio.create_task(follower.run())
    while follower.applied_count < count:  # noqa: ASYNC110 - the feed itself stays as it is
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - started
    running.cancel()
    await asyncio.wait([running])
    views.close()
    return seconds
