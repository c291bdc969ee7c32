"""Killed with -9 at every failpoint of feed, reactions, deadlines: nothing lost or done twice."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.envelope import parse
from chassis.failpoints import FAILPOINTS
from chassis.lanes import LANES_PER_TOPIC
from chassis.reactions import reaction_command_id
from chassis.store import Append, NewEvent, SqliteStore, StreamWrite
from tests.views.working import TOPICS
from tests.views.world import FILES, IN_PROGRAMME, VILLAGES, folded, lived, make, rows
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import OfferAssignment
from tuopin.planning.v1.plan_pb2 import PlanApproved

OURS = [name for name in FAILPOINTS if name.split(".")[0] in {"views", "reacting", "deadlines"}]


async def filled(place: Path) -> list[Envelope]:
    """A store with three hundred events; what it holds, lane by lane."""
    store = SqliteStore(place, TOPICS, SystemClock())
    await store.open()
    appends = []
    for event in lived(11, 300, households=80).events:
        new = NewEvent(event.type, event.data, "")
        write = StreamWrite(event.topic, event.stream, event.version - 1, (new,))
        appends.append(Append(event.id, b"d", (write,)))
    # In their order, but not each with a commit of its own.
    await asyncio.gather(*map(store.append, appends))
    records = []
    for topic in TOPICS:
        for partition in range(LANES_PER_TOPIC):
            records += await store.read(topic, partition, 0, 1_000)
    await store.close()
    return [parse(record.envelope) for record in records]


def run(folder: Path, views: str, failpoints: str) -> int:
    environment = {
        **os.environ,
        "TUOPIN_FAILPOINTS": failpoints,
        "TUOPIN_FAILPOINT_LOG": str(folder / "hits"),
    }
    places = [str(folder / "store.db"), views, str(folder / "sent")]
    worker = [sys.executable, "-m", "tests.views.working", *places]
    return subprocess.run(worker, env=environment, timeout=60).returncode


@pytest.mark.parametrize("name", OURS)
async def test_a_worker_killed_at(name: str, tmp_path: Path) -> None:
    await killed_and_started_again(name, tmp_path, str(tmp_path / "views.db"))


@pytest.mark.parametrize("name", ["views.before-commit", "views.after-commit"])
async def test_a_worker_on_postgresql_killed_at(
    name: str, tmp_path: Path, postgres_dsn: str
) -> None:
    await killed_and_started_again(name, tmp_path, postgres_dsn)


async def killed_and_started_again(name: str, tmp_path: Path, place: str) -> None:
    events = await filled(tmp_path / "store.db")
    for nth in (1, 4):
        if nth > 1 and name.endswith("settle"):
            continue  # a quick worker settles once or twice only
        assert run(tmp_path, place, f"{name}:{nth}=kill") == -signal.SIGKILL
    assert {name} == set((tmp_path / "hits").read_text().split())
    assert run(tmp_path, place, "") == 0

    views = make(place)
    expected = folded(events)
    del expected["deadlines"]  # fired: their marks are times
    assert expected == rows(views, FILES, IN_PROGRAMME, VILLAGES)
    views.close()

    sent = [line.split() for line in (tmp_path / "sent").read_text().splitlines()]
    assert len(dict(sent)) == len({tuple(each) for each in sent}), "other bytes under the same id"
    reacted = {
        reaction_command_id(event.id, "offer-visit", OfferAssignment(), 0)
        for event in events
        if event.type == PlanApproved.DESCRIPTOR.full_name
    }
    assert reacted <= dict(sent).keys()
