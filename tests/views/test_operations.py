"""What an operator asks: how is it, is it true, start it again, who belongs to what."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from chassis.ancestry import mentions_view
from chassis.clock import SystemClock
from chassis.envelope import parse
from chassis.fields import InvalidField
from chassis.follow import Follower
from chassis.history import StoreHistory
from chassis.operations import OperationsServicer
from chassis.reacting import ReactionRunner
from chassis.rejection import Rejected
from chassis.store import Append, NewEvent, SqliteStore, StreamWrite
from chassis.viewstore import ViewStore
from tests.reacting.owner import Failed, Owner
from tests.views.test_following import caught_up, until
from tests.views.world import FILES, OFFER_VISIT, VILLAGES, Log, lived, make, rows
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.operations.v1.operations_pb2 import (
    GetStatus,
    ListTrace,
    RebuildView,
    TailEvents,
    Verify,
)
from tuopin.planning.v1.plan_pb2 import PlanApproved, PlanDrafted
from tuopin.registry.v1.household_pb2 import HouseholdRegistered

TOPICS = ("household", "plan")


class Running:
    """One service that owns both topics: its store, its views and the feed between them."""

    def __init__(self, place: Path, views: ViewStore) -> None:
        self.place = place
        self.store = SqliteStore(place, TOPICS, SystemClock())
        self.views = views
        self.sources = dict.fromkeys(TOPICS, self.store)
        self.operations = OperationsServicer(
            service="registry",
            topics=TOPICS,
            store=self.store,
            views=views,
            history=StoreHistory(self.sources),
        )

    async def keep(self, events: list[Envelope], causes: dict[str, str] | None = None) -> None:
        for event in events:
            new = NewEvent(event.type, event.data, "")
            write = StreamWrite(event.topic, event.stream, event.version - 1, (new,))
            caused_by = (causes or {}).get(event.id, "")
            await self.store.append(
                Append(f"command-{event.id}", b"d", (write,), caused_by=caused_by)
            )

    async def feed(self, events: list[Envelope]) -> None:
        task = asyncio.create_task(Follower(self.sources, self.views).run())
        await until(caught_up(self.views, events))
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def running(url: str, tmp_path: Path) -> AsyncIterator[Running]:
    views = make(url, clock=SystemClock(), reactions=(OFFER_VISIT,))
    found = Running(tmp_path / "events.db", views)
    await found.store.open()
    yield found
    await found.store.close()
    views.close()


async def sentences(running: Running, *, views: bool = True) -> list[str]:
    report = await running.operations.Verify(Verify(views=views), None)
    return [f"{each.kind} {each.where}: {each.sentence}" for each in report.findings]


async def test_a_true_log_and_true_views_give_no_finding(running: Running) -> None:
    log = lived(1, 300)
    await running.keep(log.events)
    await running.feed(log.events)
    report = await running.operations.Verify(Verify(views=True), None)
    assert list(report.findings) == []
    assert (300, len(log.lanes), 3) == (report.events, report.lanes, report.views)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (update(VILLAGES).values(household_count=99), "differs from the events in household_count"),
        (delete(VILLAGES), "is missing"),
        (insert(FILES).values(household_id="h0000"), "does not follow from any event"),
    ],
)
async def test_a_view_that_is_not_equal_to_its_events_is_found(
    running: Running, change: Any, found: str
) -> None:
    log = lived(2, 100)
    await running.keep(log.events)
    await running.feed(log.events)
    await running.views.change(lambda connection: connection.execute(change))
    told = await sentences(running)
    assert told
    assert all(found in sentence for sentence in told), told


async def test_views_are_compared_while_events_go_on_coming(running: Running) -> None:
    log = lived(3, 400)
    await running.keep(log.events[:200])
    task = asyncio.create_task(Follower(running.sources, running.views).run())
    writing = asyncio.create_task(running.keep(log.events[200:]))
    assert await sentences(running) == []
    await writing
    await until(caught_up(running.views, log.events))
    assert await sentences(running) == []
    task.cancel()
    await asyncio.wait([task])


async def test_a_stopped_view_is_a_finding_and_not_healthy(running: Running) -> None:
    log = Log()
    log.register(1, household_number="poison")
    await running.keep(log.events)
    task = asyncio.create_task(Follower(running.sources, running.views).run())
    await until(lambda: bool(running.views.stopped()))
    status = await running.operations.GetStatus(GetStatus(), None)
    stopped = {view.view: view.stopped for view in status.views if view.stopped}
    assert stopped == {"villages": "Poison household-h1@1"}
    assert not status.healthy
    assert await sentences(running) == ["projection villages: stopped: Poison household-h1@1"]
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (
            "UPDATE events SET record = CAST(replace(record, 'plan-p', 'plan-q') AS BLOB)"
            " WHERE rowid = {rowid}",
            "chain",
        ),
        ("DELETE FROM events WHERE rowid = {rowid}", "gap"),
        ("UPDATE lanes SET position = position + 1 WHERE position > 0", "head"),
        ("DELETE FROM receipts WHERE command_id LIKE 'command-plan-p1@%'", "receipt"),
    ],
)
async def test_whatever_is_changed_in_a_stored_log_is_found(
    tmp_path: Path, statement: str, kind: str
) -> None:
    running = Running(tmp_path / "events.db", make(":memory:"))
    await running.store.open()
    await running.keep(lived(4, 120).events)
    await running.store.close()
    with sqlite3.connect(running.place) as connection:
        rowids = [row[0] for row in connection.execute("SELECT rowid FROM events ORDER BY rowid")]
        connection.execute(statement.format(rowid=rowids[len(rowids) // 2]))
    again = Running(tmp_path / "events.db", make(":memory:"))
    await again.store.open()
    report = await again.operations.Verify(Verify(), None)
    assert kind in {finding.kind for finding in report.findings}
    await again.store.close()


async def test_the_status_tells_heads_lags_and_what_waits(running: Running) -> None:
    log = Log()
    log.register(1)
    log.approve(1)
    log.approve(2)  # its household is not known: parked
    await running.keep(log.events)
    before = await running.operations.GetStatus(GetStatus(), None)
    assert {
        view.view: view.lag for view in before.views if view.view != "reaction:offer-visit"
    } == {"files": 3, "villages": 1, "deadlines:visits-due": 2}
    await running.feed(log.events)
    status = await running.operations.GetStatus(GetStatus(), None)
    assert status.healthy
    assert sum(view.lag for view in status.views) == 0
    assert (
        status.reactions_waiting,
        status.reactions_parked,
        status.deadlines_open,
    ) == (1, 1, 2)
    assert sum(lane.head.position for lane in status.lanes) == 3


async def test_a_stopped_command_shows_in_the_status(running: Running) -> None:
    log = Log()
    log.register(1)
    log.approve(1)
    await running.keep(log.events)
    await running.feed(log.events)
    owner = Owner(Failed("INVALID_ARGUMENT"))
    await ReactionRunner(running.views, owner.send).step()
    status = await running.operations.GetStatus(GetStatus(), None)
    assert not status.healthy
    (stopped,) = [view.stopped for view in status.views if view.stopped]
    assert "INVALID_ARGUMENT" in stopped


async def test_a_rebuilt_view_is_the_same_again(running: Running) -> None:
    log = lived(5, 200)
    await running.keep(log.events)
    await running.feed(log.events)
    before = rows(running.views)
    task = asyncio.create_task(Follower(running.sources, running.views).run())
    started = await running.operations.RebuildView(RebuildView(view="villages"), None)
    assert started.view == "villages"
    await until(caught_up(running.views, log.events))
    assert before == rows(running.views)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(
    ("view", "slug"),
    [("nothing", "view-not-known"), ("reaction:offer-visit", "view-not-rebuildable")],
)
async def test_only_a_view_can_be_rebuilt(running: Running, view: str, slug: str) -> None:
    with pytest.raises(Rejected) as rejected:
        await running.operations.RebuildView(RebuildView(view=view), None)
    assert slug == rejected.value.slug


async def told(answers: AsyncIterator[Any]) -> list[str]:
    return [parse(stored.envelope).id async for stored in answers]


async def test_the_tail_gives_the_last_events_of_each_lane_or_all(running: Running) -> None:
    log = lived(6, 200)
    await running.keep(log.events)
    tail = running.operations.TailEvents
    everything = await told(tail(TailEvents(from_start=True), None))
    assert {event.id for event in log.events} == set(everything)
    assert len(everything) == 200
    last = await told(tail(TailEvents(last=1), None))
    assert {lane[-1].id for lane in log.lanes.values()} == set(last)
    stream = log.events[0].stream
    only = await told(tail(TailEvents(topic="household", stream=stream, from_start=True), None))
    assert [event.id for event in log.events if event.stream == stream] == only


async def test_the_tail_goes_on_with_new_events(running: Running) -> None:
    log = lived(7, 20)
    await running.keep(log.events[:10])
    heard: list[str] = []

    async def listen() -> None:
        request = TailEvents(from_start=True, follow=True)
        async for stored in running.operations.TailEvents(request, None):
            heard.append(parse(stored.envelope).id)

    task = asyncio.create_task(listen())
    await until(lambda: len(heard) == 10)
    await running.keep(log.events[10:])
    await until(lambda: len(heard) == 20)
    task.cancel()
    await asyncio.wait([task])
    assert {event.id for event in log.events} == set(heard)


@pytest.fixture
async def indexed(url: str, tmp_path: Path) -> AsyncIterator[Running]:
    index = mentions_view(TOPICS, (HouseholdRegistered, PlanDrafted, PlanApproved))
    views = make(url, clock=SystemClock(), views=(index,))
    found = Running(tmp_path / "events.db", views)
    await found.store.open()
    yield found
    await found.store.close()
    views.close()


@pytest.mark.parametrize("fed", [True, False], ids=["indexed", "not yet indexed"])
async def test_a_trace_finds_what_names_an_id_and_what_came_of_it(
    indexed: Running, fed: bool
) -> None:
    running = indexed
    log = Log()
    registered, other = log.register(1), log.register(2)
    drafted = log.append("plan", "plan-p9", _drafted("p9", "h9"))
    approved = log.append("plan", "plan-p9", _approved("p9"))
    causes = {drafted.id: registered.id}
    await running.keep(log.events, causes)
    if fed:
        await running.feed(log.events)
    trace = running.operations.ListTrace
    # Named by its stream; caused by that; the plan's next event names neither.
    assert {registered.id, drafted.id} == set(await told(trace(ListTrace(reference="h1"), None)))
    # Back along the causes as well.
    assert {registered.id, drafted.id, approved.id} == set(
        await told(trace(ListTrace(reference="p9"), None))
    )
    command = f"command-{other.id}"
    assert [other.id] == await told(trace(ListTrace(reference=command), None))
    assert await told(trace(ListTrace(reference="nobody"), None)) == []
    # What came of an event of another service, and an event by its own id.
    assert {registered.id, drafted.id} == set(
        await told(trace(ListTrace(event_ids=[registered.id]), None))
    )
    with pytest.raises(InvalidField):
        await told(trace(ListTrace(), None))


async def test_what_a_trace_reads_does_not_grow_with_the_log(
    indexed: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = lived(7, 400)
    last = log.register(9_999)
    await indexed.keep(log.events)
    await indexed.feed(log.events)
    read: list[int] = []
    real = indexed.store.read

    async def counted(topic: str, partition: int, after: int, limit: int) -> list[Any]:
        found = await real(topic, partition, after, limit)
        read.append(len(found))
        return found

    monkeypatch.setattr(indexed.store, "read", counted)
    reference = last.stream.partition("-")[2]
    found = await told(indexed.operations.ListTrace(ListTrace(reference=reference), None))
    assert found == [last.id]
    assert sum(read) <= 3, read


def _drafted(plan_id: str, household_id: str) -> Any:
    return PlanDrafted(plan_id=plan_id, household_id=household_id)


def _approved(plan_id: str) -> Any:
    return PlanApproved(plan_id=plan_id)
