"""Deadlines: set, moved and cleared by events, fired once when their time has come."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from chassis.clock import ManualClock
from chassis.deadlines import (
    POLL_S,
    DeadlineRunner,
    deadline_command_id,
    open_count,
    stopped_deadlines,
)
from chassis.feedtables import DEADLINES
from chassis.viewstore import ViewStore
from tests.reacting.owner import Failed, Owner
from tests.views.world import DAY_US, Log, make
from tuopin.planning.v1.plan_pb2 import VisitRecorded


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def views(url: str, clock: ManualClock) -> ViewStore:
    return make(url, clock=clock)


def approved(clock: ManualClock, *numbers: int) -> Log:
    log = Log()
    for number in numbers:
        log.approve(number).recorded_at_us = clock.now_us()
    return log


async def test_a_deadline_fires_when_its_time_has_come_and_not_before(
    views: ViewStore, clock: ManualClock
) -> None:
    owner = Owner()
    log = approved(clock, 1)
    views.apply(log.batches())
    runner = DeadlineRunner(views, owner.send)
    await clock.advance(3 * 86_400 - 1)
    assert await runner.step() == 0
    await clock.advance(1)
    assert await runner.step() == 1
    (command,) = owner.heard
    due_at_us = log.events[0].recorded_at_us + 3 * DAY_US
    assert deadline_command_id("first-visit", "p1", due_at_us) == command.command_id
    assert owner.metadata[0] == {"tuopin-caused-by": "plan-p1@1"}


async def test_a_fired_deadline_does_not_fire_again(views: ViewStore, clock: ManualClock) -> None:
    owner = Owner()
    views.apply(approved(clock, 1).batches())
    await clock.advance(4 * 86_400)
    runner = DeadlineRunner(views, owner.send)
    await runner.step()
    await clock.advance(86_400)
    assert await runner.step() == 0
    assert len(owner.heard) == 1
    assert views.read(open_count) == 0


async def test_a_cleared_deadline_never_fires(views: ViewStore, clock: ManualClock) -> None:
    owner = Owner()
    log = approved(clock, 1)
    log.append("plan", "plan-p1", VisitRecorded(plan_id="p1"))
    views.apply(log.batches())
    await clock.advance(9 * 86_400)
    assert await DeadlineRunner(views, owner.send).step() == 0


async def test_a_moved_deadline_fires_at_its_new_time_too(
    views: ViewStore, clock: ManualClock
) -> None:
    owner = Owner()
    log = approved(clock, 1)
    views.apply(log.batches())
    await clock.advance(4 * 86_400)
    runner = DeadlineRunner(views, owner.send)
    await runner.step()
    log.approve(1).recorded_at_us = clock.now_us()
    views.apply(log.batches())
    assert await runner.step() == 0
    await clock.advance(3 * 86_400)
    assert await runner.step() == 1
    assert len(owner.done) == 2


async def test_a_rebuilt_deadline_that_fired_stays_fired(
    views: ViewStore, clock: ManualClock
) -> None:
    owner = Owner()
    log = approved(clock, 1, 2, 3)
    views.apply(log.batches())
    await clock.advance(4 * 86_400)
    runner = DeadlineRunner(views, owner.send)
    await runner.step()
    views.rebuild("deadlines:visits-due")
    views.positions()
    views.apply(log.batches())
    await runner.step()
    assert len(owner.heard) == 3
    assert views.read(open_count) == 0


async def test_after_the_database_was_away_what_came_due_meanwhile_waits_a_little(
    views: ViewStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Owner()
    views.apply(approved(clock, 1).batches())
    await clock.advance(4 * 86_400)
    runner = DeadlineRunner(views, owner.send, clock, settle_s=5.0)
    query, away = views.query, [True]

    async def asked(read: Callable[[Any], Any]) -> Any:
        if away[0]:
            raise ConnectionError
        return await query(read)

    monkeypatch.setattr(views, "query", asked)
    running = asyncio.create_task(runner.run())
    await _turns()
    away[0] = False
    await clock.advance(POLL_S)
    await _turns()
    await clock.advance(4.9)
    await _turns()
    assert not owner.heard
    await clock.advance(0.1)
    await _turns()
    assert len(owner.heard) == 1
    running.cancel()


async def _turns() -> None:
    """What runs beside us gets on, until it waits for the clock."""
    await asyncio.sleep(0.1)


async def test_an_owner_that_is_away_is_asked_again(views: ViewStore, clock: ManualClock) -> None:
    owner = Owner(Failed("UNAVAILABLE"), ConnectionError())
    views.apply(approved(clock, 1).batches())
    await clock.advance(4 * 86_400)
    runner = DeadlineRunner(views, owner.send)
    assert [await runner.step() for _ in range(3)] == [0, 0, 1]
    assert len(owner.done) == 1


async def test_any_other_error_stops_the_deadline_where_an_operator_sees_it(
    views: ViewStore, clock: ManualClock
) -> None:
    owner = Owner(Failed("INVALID_ARGUMENT"))
    views.apply(approved(clock, 1).batches())
    await clock.advance(4 * 86_400)
    runner = DeadlineRunner(views, owner.send)
    await runner.step()
    assert await runner.step() == 0
    (row,) = views.read(stopped_deadlines)
    assert (row.name, row.key, row.stopped) == ("first-visit", "p1", "INVALID_ARGUMENT Failed")


async def test_what_is_due_is_found_by_an_index_of_what_has_not_fired(views: ViewStore) -> None:
    if views.engine.dialect.name != "sqlite":
        explain = "EXPLAIN "
        off = "SET LOCAL enable_seqscan = off"
    else:
        explain, off = "EXPLAIN QUERY PLAN ", "SELECT 1"
    query = select(DEADLINES.c.key).where(
        DEADLINES.c.fired_at_us.is_(None), DEADLINES.c.due_at_us <= 5
    )
    compiled = query.compile(views.engine, compile_kwargs={"literal_binds": True})

    def work(connection: object) -> str:
        connection.execute(text(off))  # type: ignore[attr-defined]
        return str(connection.execute(text(explain + str(compiled))).all())  # type: ignore[attr-defined]

    assert "deadlines_due" in views.read(work)
