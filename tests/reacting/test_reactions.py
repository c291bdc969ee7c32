"""Events of others become own commands: heard twice, done once, and none is ever dropped."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select

from chassis.clock import ManualClock
from chassis.feedtables import OUTBOX, PARKED
from chassis.reacting import ReactionRunner
from chassis.reactionfeed import parked_count, stuck, waiting_count
from chassis.reactions import Reaction, reaction_command_id
from chassis.viewstore import ViewStore
from tests.reacting.owner import Failed, Owner
from tests.views.world import OFFER_VISIT, Log, batch_of, make
from tuopin.notifier.v1.assignment_pb2 import OfferAssignment
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded

REACTION = "reaction:offer-visit"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def views(url: str, clock: ManualClock) -> ViewStore:
    return make(url, clock=clock, reactions=(OFFER_VISIT,))


def outbox(views: ViewStore) -> list[Any]:
    return list(
        views.read(lambda connection: connection.execute(select(OUTBOX).order_by(OUTBOX.c.seq)))
    )


async def test_an_event_becomes_a_command_with_the_id_that_follows_from_it(
    views: ViewStore,
) -> None:
    log, owner = Log(), Owner()
    log.register(1)
    approved = log.approve(1)
    views.apply(log.batches())
    assert await ReactionRunner(views, owner.send).step() == 1
    (command,) = owner.heard
    assert (command.assignment_id, command.village_id) == ("visit-p1", "433124110201")
    assert reaction_command_id(approved.id, "offer-visit", command, 0) == command.command_id
    assert {"tuopin-caused-by": approved.id, "tuopin-on-behalf-of": "cadre-1"} == owner.metadata[0]
    assert views.read(waiting_count) == 0


async def test_an_event_heard_twice_is_acted_on_once(views: ViewStore) -> None:
    log, owner = Log(), Owner()
    log.register(1)
    log.approve(1)
    runner = ReactionRunner(views, owner.send)
    views.apply(log.batches())
    await runner.step()
    views.apply(log.batches())
    assert await runner.step() == 0
    assert len(owner.heard) == 1


async def test_a_rebuild_of_the_views_sets_off_nothing(views: ViewStore) -> None:
    log, owner = Log(), Owner()
    log.register(1)
    log.approve(1)
    runner = ReactionRunner(views, owner.send)
    views.apply(log.batches())
    await runner.step()
    for name in ("files", "villages"):
        views.rebuild(name)
    views.positions()
    views.apply(log.batches())
    assert await runner.step() == 0


async def test_a_missing_fact_parks_the_event_until_it_arrives(views: ViewStore) -> None:
    log, owner = Log(), Owner()
    approved = log.approve(1)
    views.apply([batch_of([approved])])
    assert views.read(parked_count) == 1
    runner = ReactionRunner(views, owner.send)
    assert await runner.step() == 0
    views.apply([batch_of([log.register(1)])])
    assert views.read(parked_count) == 0
    assert await runner.step() == 1


async def test_a_parked_event_is_tried_again_by_and_by_without_new_events(
    url: str, clock: ManualClock
) -> None:
    known: list[str] = []

    def read(connection: Any, event: PlanApproved) -> str:
        from chassis.rejection import FactMissing

        if event.household_id not in known:
            raise FactMissing("household", event.household_id)
        return "433124110201"

    views = make(
        url,
        clock=clock,
        reactions=(Reaction("offer-visit", PlanApproved, OFFER_VISIT.react, read),),
    )
    log, owner = Log(), Owner()
    log.approve(1)
    views.apply(log.batches())
    runner = ReactionRunner(views, owner.send)
    await runner.step()
    known.append("h1")
    assert await runner.step() == 0
    await clock.advance(4)
    assert await runner.step() == 1


async def test_later_events_of_a_parked_stream_wait_behind_it(url: str) -> None:
    def react(envelope: Any, event: PlanApproved, village_id: str) -> Iterable[OfferAssignment]:
        yield OfferAssignment(assignment_id=f"{event.plan_id}-{envelope.version}")

    reaction = Reaction("offer-visit", PlanApproved, react, OFFER_VISIT.read)
    views = make(url, reactions=(reaction,))
    log, owner = Log(), Owner()
    first, _ = log.approve(1), log.approve(1)
    log.approve(2)
    views.apply([batch_of([log.register(2)])])
    views.apply([batch_of([first])])
    views.apply(log.batches())
    runner = ReactionRunner(views, owner.send)
    await runner.step()
    assert [each.assignment_id for each in owner.heard] == ["p2-1"]
    assert views.read(parked_count) == 2
    views.apply([batch_of([log.register(1)])])
    await runner.step()
    assert [each.assignment_id for each in owner.heard] == ["p2-1", "p1-1", "p1-2"]


async def test_a_refusal_is_an_answer(views: ViewStore) -> None:
    log, owner = Log(), Owner()
    owner.refusing.add("visit-p1")
    log.register(1)
    log.approve(1)
    views.apply(log.batches())
    await ReactionRunner(views, owner.send).step()
    assert views.read(waiting_count) == 0


@pytest.mark.parametrize(
    "error", [Failed("UNAVAILABLE"), Failed("ABORTED"), ConnectionError(), TimeoutError()]
)
async def test_an_owner_that_is_away_is_asked_again_with_the_same_bytes(
    views: ViewStore, clock: ManualClock, error: Exception
) -> None:
    log, owner = Log(), Owner(*[error] * 12)
    log.register(1)
    log.approve(1)
    views.apply(log.batches())
    runner = ReactionRunner(views, owner.send)
    for _ in range(20):
        await runner.step()
        await clock.advance(31)
    assert len(owner.heard) == 13
    assert len({each.SerializeToString(deterministic=True) for each in owner.heard}) == 1
    assert views.read(waiting_count) == 0


async def test_between_two_attempts_the_owner_is_left_alone(
    views: ViewStore, clock: ManualClock
) -> None:
    log, owner = Log(), Owner(*[Failed("UNAVAILABLE")] * 50)
    log.register(1)
    log.approve(1)
    views.apply(log.batches())
    runner = ReactionRunner(views, owner.send)
    for _ in range(60):
        await runner.step()
        await clock.advance(1)
    assert 5 <= len(owner.heard) <= 9


async def test_any_other_error_stops_the_command_where_an_operator_sees_it(
    views: ViewStore, clock: ManualClock
) -> None:
    log, owner = Log(), Owner(Failed("INVALID_ARGUMENT"))
    for number in (1, 2):
        log.register(number)
        log.approve(number)
    views.apply(log.batches())
    runner = ReactionRunner(views, owner.send, in_flight_count=1)
    await runner.step()
    await clock.advance(60)
    await runner.step()
    assert len(owner.heard) == 2
    (row,) = outbox(views)
    assert row.stopped == "INVALID_ARGUMENT Failed"


async def test_a_stopped_command_is_sent_again_after_a_restart(views: ViewStore) -> None:
    log, owner = Log(), Owner(Failed("INTERNAL"))
    log.register(1)
    log.approve(1)
    views.apply(log.batches())
    await ReactionRunner(views, owner.send).step()
    running = asyncio.create_task(ReactionRunner(views, owner.send).run())
    async with asyncio.timeout(10):
        while not owner.done:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert owner.heard[0] == owner.heard[1]


async def test_commands_for_one_stream_keep_their_order_whatever_fails(
    url: str, clock: ManualClock
) -> None:
    def react(envelope: Any, event: VisitRecorded, facts: None) -> Iterable[OfferAssignment]:
        yield OfferAssignment(assignment_id=f"{event.plan_id}:{envelope.version}")

    views = make(url, clock=clock, reactions=(Reaction("again", VisitRecorded, react),))
    log = Log()
    for version in range(40):
        for number in (1, 2, 3):
            log.append("plan", f"plan-p{number}", VisitRecorded(plan_id=f"p{number}"))
        if version % 8 == 0:
            views.apply(log.batches())
    views.apply(log.batches())
    owner = Owner(*[Failed("ABORTED")] * 12)
    runner = ReactionRunner(views, owner.send)
    for _ in range(100):
        await runner.step()
        await clock.advance(1)
    for number in ("p1", "p2", "p3"):
        done = [each.assignment_id for each in owner.done.values()]
        mine = [each for each in done if each.startswith(number)]
        assert [f"{number}:{version}" for version in range(1, 41)] == mine


async def test_an_event_that_cannot_be_reacted_to_stops_this_reaction_only(url: str) -> None:
    def broken(envelope: Any, event: Any, facts: Any) -> Iterable[OfferAssignment]:
        raise ValueError("a name")

    views = make(url, reactions=(OFFER_VISIT, Reaction("broken", PlanApproved, broken)))
    log, owner = Log(), Owner()
    log.register(1)
    approved = log.approve(1)
    views.apply(log.batches())
    assert {"reaction:broken": f"ValueError {approved.id}"} == views.stopped()
    assert await ReactionRunner(views, owner.send).step() == 1


async def test_a_parked_event_whose_reaction_fails_waits_for_an_operator(url: str) -> None:
    def read(connection: Any, event: PlanApproved) -> str:
        found = OFFER_VISIT.read(connection, event) if OFFER_VISIT.read else ""
        raise ValueError(found)

    views = make(url, reactions=(Reaction("offer-visit", PlanApproved, OFFER_VISIT.react, read),))
    log = Log()
    approved = log.approve(1)
    views.apply([batch_of([approved])])
    views.apply([batch_of([log.register(1)])])
    assert [(REACTION, approved.id, "ValueError")] == views.read(stuck)
    assert views.stopped() == {}


async def test_parked_events_lose_nothing_of_the_envelope(views: ViewStore) -> None:
    log = Log()
    approved = log.approve(1)
    views.apply([batch_of([approved])])
    row = views.read(lambda connection: connection.execute(select(PARKED)).one())
    assert approved.SerializeToString(deterministic=True) == row.envelope
    assert row.missing == "household h1"


async def test_thousands_of_commands_leave_in_pages_and_each_is_done_once(url: str) -> None:
    views = make(url, reactions=(OFFER_VISIT,))
    log, owner = Log(), Owner()
    for number in range(1500):
        log.register(number)
        log.approve(number)
    views.apply(log.batches())
    assert await ReactionRunner(views, owner.send).step() == 1500
    assert len(owner.done) == 1500
    assert outbox(views) == []
