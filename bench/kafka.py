"""Relay and stream workers on real Apache Kafka, each beside the bare loop it stands on."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import create_engine, func, inspect, select

from bench.kafkalog import GROUP, TOPIC, bare_relay, fill, relay
from chassis.clock import SystemClock
from chassis.feedtables import CHECKPOINTS
from chassis.store import PostgresStore, SqliteStore
from chassis.topics import ensure_topics
from chassis.viewdb import url_of
from devtools.kafka import KafkaBroker
from devtools.postgres import PostgresServer

ROOT = Path(__file__).resolve().parent.parent

VIEW_TARGET = 0.45
RELAY_TARGET = 0.5
PROGRESS_TARGET_S = 3.0

# Measured in turns, the best of each: a neighbour's noise on a shared machine only ever slows down.
ROUNDS = 3


def rows(quick: bool) -> list[dict[str, Any]]:
    """The rows of design.md section 7 that need Kafka."""
    count = 30_000 if quick else 120_000
    with (
        tempfile.TemporaryDirectory(prefix="bench-kafka-") as folder,
        KafkaBroker(Path(folder, "kafka"), heap_mib=768) as broker,
        PostgresServer(Path(folder, "postgres")) as server,
    ):
        places = {
            "SQLite": (str(Path(folder, "store.db")), str(Path(folder, "views-{}.db"))),
            "PostgreSQL": (server.create_database("store"), server.dsn("views-{}")),
        }
        found = uvloop.run(_relay_rows(broker.bootstrap, places, count))
        found += _view_rows(broker.bootstrap, places, server, count)
        found.append(_progress_row(broker.bootstrap, server, count))
    return found


def row(
    name: str, value: float, unit: str, against: str, against_value: float, target: float
) -> dict[str, Any]:
    """One measured figure beside what it is compared with."""
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "against": against,
        "against_value": round(against_value, 3),
        "ratio": round(value / against_value, 3),
        "target": target,
    }


async def _relay_rows(
    bootstrap: str, places: dict[str, tuple[str, str]], count: int
) -> list[dict[str, Any]]:
    found = []
    for engine, (place, _) in places.items():
        kind = SqliteStore if engine == "SQLite" else PostgresStore
        store = kind(place, (TOPIC,), SystemClock())
        await store.open()
        await fill(store, count)
        ours, bare = [], []
        for turn in range(ROUNDS):
            prefixes = [f"bench-{engine.lower()}-{what}-{turn}." for what in ("bare", "relay")]
            for prefix in prefixes:
                ensure_topics(bootstrap, [TOPIC], prefix=prefix)
            bare.append(count / await bare_relay(store, bootstrap, prefixes[0]))
            ours.append(count / await relay(store, bootstrap, prefixes[1]))
        await store.close()
        found.append(
            row(
                f"relay, {engine} store",
                max(ours),
                "records/s",
                "bare send_batch of the same records",
                max(bare),
                RELAY_TARGET,
            )
        )
    return found


def _view_rows(
    bootstrap: str, places: dict[str, tuple[str, str]], server: PostgresServer, count: int
) -> list[dict[str, Any]]:
    """Bare loop and workers in turns, each a fresh process over the same topic."""
    prefix = "bench-sqlite-relay-0."
    bare: list[float] = []
    ours: dict[str, list[float]] = {engine: [] for engine in places}
    for turn in range(ROUNDS):
        bare.append(_measured("bare", bootstrap, prefix, str(count)))
        for engine, (_, views) in places.items():
            if engine == "PostgreSQL":
                server.create_database(f"views-{turn}")
            place = views.format(turn)
            group = f"{GROUP}-{engine}-{turn}"
            ours[engine].append(_measured("worker", bootstrap, prefix, str(count), place, group))
    return [
        row(
            f"view, one Faust worker, {engine}",
            count / min(seconds),
            "records/s",
            "bare loop: getmany + headers + protobuf",
            count / min(bare),
            VIEW_TARGET,
        )
        for engine, seconds in ours.items()
    ]


def _measured(part: str, *arguments: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.kafkaparts", part, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


@contextmanager
def _worker(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.kafkaparts", "worker", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _progress_row(bootstrap: str, server: PostgresServer, count: int) -> dict[str, Any]:
    """From kill -9 to the first checkpoint that the restarted worker moves."""
    place = server.create_database("views-killed")
    engine = create_engine(url_of(place), isolation_level="AUTOCOMMIT")

    def applied() -> int:
        if not inspect(engine).has_table(CHECKPOINTS.name):
            return 0
        with engine.connect() as connection:
            return int(connection.execute(select(func.sum(CHECKPOINTS.c.position))).scalar() or 0)

    def wait_beyond(position: int) -> None:
        while applied() <= position:
            time.sleep(0.01)

    prefix = "bench-sqlite-relay-0."
    # Small batches: the backlog outlives several kills.
    arguments = (bootstrap, prefix, str(count), place, f"{GROUP}-killed", "300")
    seconds: list[float] = []
    with _worker(*arguments):
        wait_beyond(0)
    for _ in range(ROUNDS):
        killed_at, before = time.perf_counter(), applied()
        with _worker(*arguments):
            wait_beyond(before)
            seconds.append(time.perf_counter() - killed_at)
    engine.dispose()
    value = max(seconds)
    return row(
        f"worker killed to first progress, longest of {ROUNDS}",
        value,
        "s",
        "the limit",
        PROGRESS_TARGET_S,
        1.0,
    )


if __name__ == "__main__":
    print(json.dumps(rows("--quick" in sys.argv), indent=2))
