"""From command to view while 500 commands a second are accepted: how old is an answer?

A lean client keeps the load; a second client sends one command now and then and asks the view for
it at once, naming the receipt's position. The time from sending to that answer is the row.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Any

from bench.commands import households as invented
from bench.system import client, embedded, until
from chassis.client import CallFailed
from services.cli.endpoints import Endpoints
from services.registry.editions import read_edition
from tuopin.registry.v1.household_pb2 import GetHousehold, RegisterHousehold
from tuopin.registry.v1.region_pb2 import AdoptRegions
from tuopin.types.v1.types_pb2 import Edition

LOAD_PER_S = 500
PROBE_EVERY_S = 0.05
PERCENTILE = 0.99
VILLAGE = "433124110226"


def rows(quick: bool) -> list[dict[str, Any]]:
    """One row: the 99th percentile in milliseconds, with the load that was really accepted."""
    seconds = 5.0 if quick else 15.0
    with embedded() as known:
        found, accepted = asyncio.run(_measure(known, seconds))
    found.sort()
    p99_ms = found[int(PERCENTILE * (len(found) - 1))] * 1000
    return [
        {
            "name": "command to view, p99, embedded",
            "value": p99_ms,
            "unit": "ms",
            "against": f"its median, at {accepted:.0f} accepted commands/s",
            "against_value": statistics.median(found) * 1000,
            "ratio": p99_ms / (statistics.median(found) * 1000),
            "target": "<= 30 ms at 500 commands/s",
        }
    ]


def households(count: int, seed: int) -> Iterator[RegisterHousehold]:
    """Commands for a village that the adopted list has."""
    for command in invented(count, seed):
        command.village_id = VILLAGE
        yield command


async def _measure(known: Endpoints, seconds: float) -> tuple[list[float], float]:
    async with (
        client(known, "registry", ["operator@", "county-office@"]) as load,
        client(known, "registry", ["county-office@"]) as probe,
    ):
        shipped = read_edition("regions-cn-2023")
        edition = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
        adopt = AdoptRegions(command_id="bench", edition=edition, effective_on="2023-06-30")
        await load.call(adopt, timeout_s=120.0)
        ready = next(households(1, seed=900))
        await until("regions are there", lambda: _accepted(probe, ready), 120.0)
        end = time.monotonic() + seconds
        pushing = asyncio.ensure_future(_push(load, end))
        found = []
        for n, command in enumerate(households(int(seconds / PROBE_EVERY_S), seed=901)):
            if time.monotonic() > end:
                break
            began = time.perf_counter()
            receipt = await probe.call(command)
            household_id = receipt.stream.removeprefix("household-")
            await probe.call(GetHousehold(household_id=household_id, at_least=receipt.position))
            if n:
                found.append(time.perf_counter() - began)
            await asyncio.sleep(PROBE_EVERY_S)
        return found, await pushing / seconds


async def _accepted(probe: Any, command: Any) -> bool:
    """Whether the regions are loaded so far that a household can be registered."""
    try:
        await probe.call(command, attempts=1)
    except CallFailed:
        return False
    return True


async def _push(load: Any, end: float) -> int:
    """At most LOAD_PER_S commands a second, each at its time; returns how many were accepted."""
    began, accepted, waiting = time.monotonic(), 0, set[asyncio.Task[Any]]()
    for n, command in enumerate(households(int(LOAD_PER_S * (end - began)), seed=902)):
        due = began + n / LOAD_PER_S
        if due > time.monotonic():
            await asyncio.sleep(due - time.monotonic())
        if time.monotonic() > end:
            break
        task = asyncio.ensure_future(load.call(command))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        accepted += 1
        if len(waiting) >= 64:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if waiting:
        await asyncio.wait(waiting)
    return accepted


if __name__ == "__main__":
    print(rows(quick=True))
