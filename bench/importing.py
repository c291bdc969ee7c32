"""Bulk import over gRPC against raw SQLite insertion of the same rows, and its memory."""

import asyncio
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from chassis.client import connect
from services.registry.editions import read_edition
from services.registry.synthetic import write_csv
from tuopin.registry.v1.region_pb2 import AdoptRegions, FindRegions
from tuopin.types.v1.types_pb2 import Edition

ROOT = Path(__file__).resolve().parent.parent
SEED = 11
# Households that raw insertion commits together, as the import does.
GROUP_HOUSEHOLDS = 500
# What an import writes: database -> tables.
WRITTEN = {
    "registry/events.db": ("events", "receipts", "claims"),
    "keys.db": ("keys",),
    "registry/views.db": ("households", "household_versions", "household_file"),
}


@dataclass(frozen=True)
class Measured:
    """One import."""

    households: int
    seconds: float
    raw_seconds: float
    peak_minus_idle_mib: float


def rows(quick: bool) -> list[dict[str, Any]]:
    """The rate and the memory of an import."""
    few, many = (300, 3_000) if quick else (3_000, 30_000)
    small, big = measured(few), measured(many)
    rate, raw_rate = big.households / big.seconds, big.households / big.raw_seconds
    memory = big.peak_minus_idle_mib / small.peak_minus_idle_mib
    return [
        {
            "name": "bulk import, from file to last commit",
            "value": rate,
            "unit": "household files/s",
            "against": "raw SQLite insertion of the same rows with the same indexes",
            "against_value": raw_rate,
            "ratio": rate / raw_rate,
            "target": 0.25,
        },
        {
            "name": f"memory of an import of {many} files, client and server, peak minus idle",
            "value": big.peak_minus_idle_mib,
            "unit": "MiB",
            "against": f"the same for {few} files",
            "against_value": small.peak_minus_idle_mib,
            "ratio": memory,
            "target": "<= 1.2",
        },
    ]


def measured(households: int) -> Measured:
    """Import so many households into an empty registry."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        with _process("bench.importserver", str(data), address) as server:
            token = _line(server)
            villages = asyncio.run(_villages(address, token))
            file = folder / "households.csv"
            write_csv(file, households, SEED, villages)
            with _process("bench.importclient", address, token, str(file)) as client:
                assert _line(client) == "ready"
                idle = [_forget_peak(each.pid) for each in (server, client)]
                _say(client)
                seconds, validated, done = map(float, _line(client).split())
                assert done == households, done
                peaks = [_memory_mib(each.pid, "VmHWM") for each in (server, client)]
                _say(client)
                client.wait(30)
            assert server.stdin is not None
            server.stdin.close()
            server.wait(60)
        print(f"    {households}: {seconds:.1f} s, of which validated {validated:.1f} s")
        raw_seconds = _raw_insertion(data, folder, households)
    grown = sum(peaks) - sum(idle)
    return Measured(households, seconds, raw_seconds, grown)


def _process(module: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: "subprocess.Popen[str]") -> str:
    """The next line that is for us; log lines are JSON or begin with a date."""
    assert process.stdout is not None
    while True:
        line = process.stdout.readline()
        assert line, "the process ended"
        if not re.match(r"\{|\d{4}-", line):
            return line.strip()


def _say(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _forget_peak(pid: int) -> float:
    """What it takes now; the peak counts from here."""
    time.sleep(1)
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory_mib(pid, "VmRSS")


def _memory_mib(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


async def _villages(address: str, token: str) -> list[str]:
    shipped = read_edition("regions-cn-2023")
    edition = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
    adopt = AdoptRegions(command_id="adopt", edition=edition, effective_on="2020-01-01")
    async with connect(address, token) as client:
        await client.call(adopt, timeout_s=120)
        query = FindRegions(ancestor_id="433124", level=12, page_size=1000)
        return [region.region_id for region in (await client.call(query)).regions]


# The yardstick


def _raw_insertion(data: Path, folder: Path, households: int) -> float:
    """Seconds to insert the rows that the import wrote, in as many commits, as durable."""
    random = Random(SEED)
    groups = max(1, households // GROUP_HOUSEHOLDS)
    begun: list[tuple[sqlite3.Connection, list[tuple[str, list[list[Any]]]]]] = []
    for name, tables in WRITTEN.items():
        source = sqlite3.connect(data / name)
        target = sqlite3.connect(folder / f"raw-{Path(name).name}", isolation_level=None)
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = FULL")
        target.execute("PRAGMA cache_size = -65536")
        inserts = []
        for table in tables:
            for (schema,) in source.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,)
            ):
                target.execute(schema)
            found = source.execute(f"SELECT * FROM {table}").fetchall()
            # Keys come as they come, not in the order of an index.
            random.shuffle(found)
            size = -(-len(found) // groups)
            parts = [found[start : start + size] for start in range(0, len(found), size)]
            marks = ", ".join("?" * len(found[0]))
            inserts.append((f"INSERT INTO {table} VALUES ({marks})", parts))
        source.close()
        begun.append((target, inserts))
    start_s = time.perf_counter()
    for group in range(groups):
        for target, inserts in begun:
            target.execute("BEGIN IMMEDIATE")
            for statement, parts in inserts:
                if group < len(parts):
                    target.executemany(statement, parts[group])
            target.execute("COMMIT")
    seconds = time.perf_counter() - start_s
    for target, _ in begun:
        target.close()
    return seconds
