"""From command to view while 500 commands a second are sent: how old is an answer?

A lean client in a process of its own keeps the load; a second client sends one command now and then
and asks the view for it at once, naming the receipt's position. The time from sending to that
answer is the row, embedded and on Kafka with PostgreSQL.
"""

import asyncio
import json
import math
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.commands import PATH, ROOT
from bench.commands import households as invented
from bench.system import client, embedded, until
from chassis.client import CallFailed
from devtools.cluster import Cluster
from services.cli import endpoints
from services.cli.contact import tokens_of
from services.cli.endpoints import Endpoints
from services.registry.editions import read_edition
from tuopin.registry.v1.household_pb2 import GetHousehold, RegisterHousehold
from tuopin.registry.v1.region_pb2 import AdoptRegions
from tuopin.types.v1.types_pb2 import Edition

LOAD_PER_S = 500
IN_FLIGHT = 64
PROBE_EVERY_S = 0.05
PERCENTILE = 0.99
VILLAGE = "433124110226"
TARGETS_MS = {"embedded": 30, "Kafka": 150}


def rows(quick: bool) -> list[dict[str, Any]]:
    """The 99th percentile in milliseconds on both ways to run, with the load that was accepted."""
    seconds = 5.0 if quick else 15.0
    found = []
    for way, running in (("embedded", embedded), ("Kafka", cluster)):
        with running() as known:
            found.append(_row(way, *asyncio.run(_measure(known, seconds))))
    return found


def _row(way: str, waited: list[float], accepted: float) -> dict[str, Any]:
    waited.sort()
    p99_ms = waited[math.ceil(PERCENTILE * len(waited)) - 1] * 1000
    target_ms = TARGETS_MS[way]
    return {
        "name": f"command to view, p99, {way}",
        "value": p99_ms,
        "unit": "ms",
        "against": f"the limit; median {statistics.median(waited) * 1000:.0f} ms, "
        f"{accepted:.0f} of {LOAD_PER_S} commands/s accepted",
        "against_value": target_ms,
        "ratio": p99_ms / target_ms,
        "target": f"<= 1 at {LOAD_PER_S} commands/s",
    }


@contextmanager
def cluster() -> Iterator[Endpoints]:
    """Kafka, PostgreSQL, servers and workers on free ports; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tuopin-bench-") as folder:
        running = Cluster(Path(folder, "data"))
        try:
            running.start()
            yield endpoints.read(running.data)
        finally:
            running.stop()


def households(count: int, seed: int) -> Iterator[RegisterHousehold]:
    """Commands for a village that the adopted list has."""
    for command in invented(count, seed):
        command.village_id = VILLAGE
        yield command


async def _measure(known: Endpoints, seconds: float) -> tuple[list[float], float]:
    async with (
        client(known, "registry", ["operator@", "county-office@"]) as office,
        client(known, "registry", ["county-office@"]) as probe,
    ):
        shipped = read_edition("regions-cn-2023")
        edition = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
        adopt = AdoptRegions(command_id="bench", edition=edition, effective_on="2023-06-30")
        await office.call(adopt, timeout_s=120.0)
        ready = next(households(1, seed=900))
        await until("regions are there", lambda: _accepted(probe, ready), 120.0)
        end = time.monotonic() + seconds
        pushing = asyncio.ensure_future(_push(known, seconds))
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


async def _push(known: Endpoints, seconds: float) -> int:
    """Each command at its time while fewer than IN_FLIGHT are unanswered; gives the accepted."""
    token = tokens_of(known.token_key_file).issue("bench", ["county-office@"], ttl_s=3600)
    pushing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.lean", known.services["registry"]),
        *(PATH + "RegisterHousehold", token, str(IN_FLIGHT), str(seconds), str(LOAD_PER_S)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    requests = [
        each.SerializeToString() for each in households(int(LOAD_PER_S * seconds), seed=902)
    ]
    told, _ = await pushing.communicate(
        b"".join(struct.pack(">I", len(each)) + each for each in requests)
    )
    result = json.loads(told)
    assert result["failed"] == 0, f"{result['failed']} calls were refused"
    return int(result["calls"])


if __name__ == "__main__":
    print(rows(quick=True))
