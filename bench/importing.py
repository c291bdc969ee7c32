"""Bulk import over gRPC against raw SQLite insertion of the same rows, its memory, and the same
file again: rows of `make bench`. `python -m bench.importing --households 1000000` measures one size
and tells how long the national register would take at that rate.
"""

import argparse
import asyncio
import csv
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
from devtools.postgres import PostgresServer
from services.registry.editions import read_edition
from services.registry.synthetic import COLUMNS, write_csv
from tuopin.registry.v1.region_pb2 import AdoptRegions, FindRegions
from tuopin.types.v1.types_pb2 import Edition

ROOT = Path(__file__).resolve().parent.parent
SEED = 11
# Households that raw insertion commits together, as the import does.
GROUP_HOUSEHOLDS = 500
NATIONAL_HOUSEHOLDS = 29_500_000
# Where an import writes.
DATABASES = ("registry/events.db", "keys.db", "registry/views.db")


@dataclass(frozen=True)
class Measured:
    """One import, the same file again, and once more with one household in a hundred changed."""

    households: int
    seconds: float
    raw_seconds: float
    peak_minus_idle_mib: float
    again_seconds: float
    changed_seconds: float


def rows(quick: bool) -> list[dict[str, Any]]:
    """The rate and the memory of an import."""
    few, many = (300, 3_000) if quick else (3_000, 30_000)
    small, big = measured(few), measured(many)
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer(Path(folder, "postgres")) as server,
    ):
        for name in ("registry", "keys"):
            server.create_database(name)
        on_postgres = measured(many, server.dsn("{name}"))
    return [*_rate_rows(big, on_postgres), _memory_row(small, big), *_repeated_rows(big)]


def _rate_rows(sqlite: Measured, postgres: Measured) -> list[dict[str, Any]]:
    raw_rate = sqlite.households / sqlite.raw_seconds
    return [
        {
            "name": f"bulk import on {engine}, from file to last commit",
            "value": each.households / each.seconds,
            "unit": "household files/s",
            "against": "raw SQLite insertion of the same rows with the same indexes",
            "against_value": raw_rate,
            "ratio": each.households / each.seconds / raw_rate,
            "target": 0.25,
        }
        for engine, each in (("SQLite", sqlite), ("PostgreSQL", postgres))
    ]


def _memory_row(small: Measured, big: Measured) -> dict[str, Any]:
    return {
        "name": f"memory of an import of {big.households} files, client and server, "
        "peak minus idle",
        "value": big.peak_minus_idle_mib,
        "unit": "MiB",
        "against": f"the same for {small.households} files",
        "against_value": small.peak_minus_idle_mib,
        "ratio": big.peak_minus_idle_mib / small.peak_minus_idle_mib,
        "target": "<= 1.2",
    }


def _repeated_rows(found: Measured) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "value": found.households / seconds,
            "unit": "household files/s",
            "against": "the first time",
            "against_value": found.households / found.seconds,
            "ratio": found.seconds / seconds,
            "target": 5.0,
        }
        for name, seconds in (
            ("the same file imported again", found.again_seconds),
            ("again with one household in a hundred changed", found.changed_seconds),
        )
    ]


def measured(households: int, dsn: str = "") -> Measured:
    """Import so many households into an empty registry; on PostgreSQL when `dsn` says where."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        place = (dsn,) if dsn else ()
        with _process("bench.importserver", str(data), address, *place) as server:
            token = _line(server)
            villages = asyncio.run(_villages(address, token))
            before = {} if dsn else _row_counts(data)
            file, changed = folder / "households.csv", folder / "changed.csv"
            write_csv(file, households, SEED, villages)
            some = _change_some(file, changed)
            files = map(str, (file, file, changed))
            with _process("bench.importclient", address, token, *files) as client:
                assert _line(client) == "ready"
                idle = [_forget_peak(each.pid) for each in (server, client)]
                seconds, validated, done, *_ = _told(client)
                assert done == households, done
                peaks = [_memory_mib(each.pid, "VmHWM") for each in (server, client)]
                again, _, done, *_ = _told(client)
                assert done == households, done
                anew, checked, done, corrected, same = _told(client)
                assert (done, corrected, same) == (0, some, households - some), (corrected, same)
                _say(client)
                client.wait(30)
            assert server.stdin is not None
            server.stdin.close()
            server.wait(60)
        print(
            f"    {households}: {seconds:.1f} s, of which validated {validated:.1f} s; again "
            f"{again:.2f} s; {some} changed {anew:.1f} s, of which validated {checked:.1f} s"
        )
        raw_seconds = 0.0 if dsn else _raw_insertion(data, folder, households, before)
    grown = sum(peaks) - sum(idle)
    return Measured(households, seconds, raw_seconds, grown, again, anew)


def _told(client: "subprocess.Popen[str]") -> list[float]:
    """What it says of the next file."""
    _say(client)
    return [float(each) for each in _line(client).split()]


def _change_some(file: Path, changed: Path) -> int:
    """One household in a hundred has moved within its village; tells how many."""
    address, numbers = COLUMNS.index("address"), set()
    with (
        file.open(encoding="utf-8", newline="") as source,
        changed.open("w", encoding="utf-8", newline="") as target,
    ):
        writer = csv.writer(target, lineterminator="\r\n")
        for cells in csv.reader(source):
            if cells[0].endswith("00"):
                cells[address] = "合成新址"
                numbers.add(cells[0])
            writer.writerow(cells)
    return len(numbers)


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


def _row_counts(data: Path) -> dict[tuple[str, str], int]:
    """(database, table) -> its rows."""
    counts = {}
    for name in DATABASES:
        with closing(sqlite3.connect(data / name)) as source:
            tables = source.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            for (table,) in tables.fetchall():
                counted = source.execute(f"SELECT count(*) FROM {table}")
                counts[name, table] = counted.fetchone()[0]
    return counts


def _raw_insertion(
    data: Path, folder: Path, households: int, before: dict[tuple[str, str], int]
) -> float:
    """Seconds to insert the rows of the tables that the import wrote, in as many commits, as
    durable.
    """
    written = [each for each, count in _row_counts(data).items() if count > before.get(each, 0)]
    random = Random(SEED)
    groups = max(1, households // GROUP_HOUSEHOLDS)
    begun: list[tuple[sqlite3.Connection, list[tuple[str, list[list[Any]]]]]] = []
    for name in DATABASES:
        tables = [table for database, table in written if database == name]
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
            if not found:
                continue
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


# One size


def main() -> None:
    """Measure one import of any size."""
    parser = argparse.ArgumentParser(prog="python -m bench.importing", description=__doc__)
    parser.add_argument("--households", type=int, default=30_000)
    count = parser.parse_args().households
    found = measured(count)
    again, changed = found.seconds / found.again_seconds, found.seconds / found.changed_seconds
    hours = NATIONAL_HOUSEHOLDS / (count / found.seconds) / 3600
    print(
        f"{count} households: {count / found.seconds:,.0f}/s, "
        f"{found.raw_seconds / found.seconds:.2f} of raw insertion, "
        f"{found.peak_minus_idle_mib:.0f} MiB above idle; again {again:.0f} x, one in a hundred "
        f"changed {changed:.1f} x as fast; "
        f"{NATIONAL_HOUSEHOLDS / 1e6:.1f} million would take {hours:.1f} h"
    )


if __name__ == "__main__":
    main()
