"""A million open deadlines, and a restart with a hundred thousand open assignments.

What is not due costs nothing: the due ones fire within a second, however many wait beside them.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, insert

from chassis.clock import MICROSECONDS, SystemClock
from chassis.deadlines import DeadlineRunner
from chassis.decider import derived_id
from chassis.feedtables import DEADLINES
from chassis.store import Append, NewEvent, SqliteStore, StreamWrite
from chassis.viewstore import ViewStore
from services.cli.starting import System
from services.notifier.views import DEADLINES as VIEWS
from services.notifier.worker import SERVICE
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentAcknowledged,
    AssignmentOffered,
    RemindAssignment,
)
from tuopin.notifier.v1.handling_pb2 import AnswerClock, Terms
from tuopin.types.v1.types_pb2 import Receipt

FAR_US = 400 * 86_400 * MICROSECONDS
CHUNK = 5_000
STREAMS_AT_ONCE = 500
# Due one after the other while the runner works.
DUE = 100
EVERY_US = 50_000
VILLAGE = "433124110226"


def rows(quick: bool) -> list[dict[str, Any]]:
    """Lateness beside a million that wait and beside a thousand; seconds from start to ready."""
    many = 100_000 if quick else 1_000_000
    alone = asyncio.run(_latest(1_000))
    beside = asyncio.run(_latest(many))
    open_count = 10_000 if quick else 100_000
    empty_s = _restart(0)
    ready_s = _restart(open_count)
    return [
        {
            "name": f"deadlines: latest of {DUE}, {many:,} not due",
            "value": beside,
            "unit": "s late",
            "against": "the same beside 1,000",
            "against_value": alone,
            "ratio": beside / alone,
            "target": "< 1 s late",
        },
        {
            "name": f"restart with {open_count:,} open assignments",
            "value": ready_s,
            "unit": "s to ready",
            "against": "the same without any",
            "against_value": empty_s,
            "ratio": ready_s / empty_s,
            "target": "< 5 s",
        },
    ]


async def _latest(count: int) -> float:
    """Seconds between the time of a deadline and its command, of the latest of them."""
    clock = SystemClock()
    sent: dict[str, int] = {}
    done = asyncio.Event()

    async def send(command: Message, metadata: Mapping[str, str]) -> Receipt:
        sent[command.assignment_id] = clock.now_us()  # type: ignore[attr-defined]
        if len(sent) == DUE:
            done.set()
        return Receipt()

    with tempfile.TemporaryDirectory(prefix="bench-deadlines-") as folder:
        views = ViewStore(str(Path(folder, "views.db")), (), (), deadlines=VIEWS, topics=("task",))
        views.create()
        for start in range(0, count, CHUNK):
            some = range(start, min(start + CHUNK, count))
            await views.change(lambda c, some=some: _write(c, some, clock.now_us() + FAR_US, 1))  # type: ignore[misc]
        begin_us = clock.now_us() + MICROSECONDS
        await views.change(lambda c: _write(c, range(count, count + DUE), begin_us, EVERY_US))
        runner = asyncio.create_task(DeadlineRunner(views, send, clock).run())
        await done.wait()
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)
        views.close()
    due = {str(count + n): begin_us + n * EVERY_US for n in range(DUE)}
    return max(sent[key] - at for key, at in due.items()) / MICROSECONDS


def _write(connection: Connection, numbers: range, begin_us: int, every_us: int) -> None:
    connection.execute(
        insert(DEADLINES),
        [
            {
                "name": "answer",
                "key": str(number),
                "view": "deadlines:silence",
                "due_at_us": begin_us + ordinal * every_us,
                "command_type": RemindAssignment.DESCRIPTOR.full_name,
                "command": RemindAssignment(assignment_id=str(number)).SerializeToString(),
                "event_id": f"task-{number}@1",
            }
            for ordinal, number in enumerate(numbers)
        ],
    )


def _restart(count: int) -> float:
    """Seconds from the start of the process until it answers, every view where it was."""
    with tempfile.TemporaryDirectory(prefix="bench-restart-") as name:
        folder = Path(name)
        with System(folder):
            pass  # keys and empty databases
        asyncio.run(_fill(folder / "notifier" / "events.db", count))
        with System(folder, ready_s=600.0) as system:
            _until_caught_up(folder / "notifier" / "views.db", count)
            system.stop()
            begun = time.monotonic()
            system.start()
            return time.monotonic() - begun


async def _fill(path: Path, count: int) -> None:
    """Open assignments in the hands of cadres, straight into the log."""
    clock = SystemClock()
    store = SqliteStore(path, SERVICE.topics, clock)
    await store.open()
    far_us = clock.now_us() + FAR_US
    for start in range(0, count, STREAMS_AT_ONCE):
        numbers = range(start, min(start + STREAMS_AT_ONCE, count))
        await store.append(
            Append(
                command_id=f"bench-{start}",
                digest=b"",
                writes=tuple(
                    StreamWrite("task", f"task-{_id(number)}", 0, tuple(_events(number, far_us)))
                    for number in numbers
                ),
            )
        )
    await store.close()


def _events(number: int, far_us: int) -> Iterator[NewEvent]:
    offered = AssignmentOffered(
        assignment_id=_id(number),
        kind="first-visit",
        household_id=f"h-{number}",
        village_id=VILLAGE,
        subject=f"plan-{number}",
        due_at_us=far_us,
        terms=Terms(priority="task"),
        clock=AnswerClock(),
    )
    taken = AssignmentAcknowledged(
        assignment_id=_id(number),
        cadre_id=f"cadre-{number % 1000}",
        village_id=VILLAGE,
        clock=AnswerClock(next_at_us=far_us, next_step="remind"),
    )
    for event in (offered, taken):
        data = event.SerializeToString(deterministic=True)
        yield NewEvent(event.DESCRIPTOR.full_name, data, "2026-01-01")


def _until_caught_up(path: Path, count: int) -> None:
    while True:
        with sqlite3.connect(path) as database:
            found = database.execute(
                "SELECT count(*) FROM assignments WHERE status = 2"
            ).fetchone()[0]
            waiting = database.execute("SELECT count(*) FROM deadlines").fetchone()[0]
        if found >= count and waiting >= 2 * count:
            return
        time.sleep(0.5)


def _id(number: int) -> str:
    return derived_id("bench", "restart", number)


if __name__ == "__main__":
    print(rows(quick=True))
