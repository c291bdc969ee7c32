"""Commands over several streams: one append for all of them, or none."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chassis.access import Forbidden
from chassis.clock import ManualClock
from chassis.decider import Actor, Claim, Context, Decider, Elsewhere, FactsOutdated, Release
from chassis.envelope import event_of, parse
from chassis.handle import Handler
from chassis.problems import Contended
from chassis.rejection import Rejected, require
from chassis.sealing import Sealer
from chassis.store import CommandReused, SqliteStore, Store
from tests.given import FixedParameters
from tests.handle.conftest import TOPICS
from tests.handle.households import OFFICE, VILLAGE, propose, register
from tuopin.registry.v1.composition_pb2 import (
    HouseholdMergedAway,
    HouseholdsMerged,
    MergeHouseholds,
)
from tuopin.registry.v1.household_pb2 import (
    ExitProposed,
    HouseholdRegistered,
    ProposeExit,
    RegisterHousehold,
)


@dataclass(frozen=True)
class State:
    village_id: str = ""
    merged: int = 0
    gone: bool = False
    proposals: int = 0


def decide(state: State, command: Any, context: Context) -> Iterator[Any]:
    match command:
        case RegisterHousehold():
            require(not state.village_id, "household-already-registered")
            number = command.household_number
            yield Claim("house", number, number, "taken")
            yield HouseholdRegistered(household_id=number, village_id=command.village_id)
        case ProposeExit():
            require(state.village_id, "household-not-known")
            require(not state.gone, "household-gone")
            yield ExitProposed(household_id=command.household_id, reason=command.reason)
        case MergeHouseholds():
            other = context.others[command.merged_household_id]
            if command.reason == "nothing":
                return
            if context.facts is not None and context.facts.pop():
                raise FactsOutdated
            require(state.village_id and other.village_id, "household-not-known")
            require(not other.gone, "household-gone")
            ids = (command.household_id, command.merged_household_id)
            yield HouseholdsMerged(
                household_id=ids[0], merged_household_id=ids[1], reason=command.reason
            )
            yield Elsewhere(ids[1], HouseholdMergedAway(household_id=ids[1]))
            yield Release("house", ids[1])
            yield Claim("house", ids[1], ids[0], "taken")


def evolve(state: State, event: Any) -> State:
    match event:
        case HouseholdRegistered():
            return replace(state, village_id=event.village_id)
        case HouseholdsMerged():
            assert event.reason.startswith("sealed:1:")
            return replace(state, merged=state.merged + 1)
        case HouseholdMergedAway():
            return replace(state, gone=True)
        case _:
            return replace(state, proposals=state.proposals + 1)


DECIDER: Decider[State] = Decider(
    noun="household",
    topic="household",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        RegisterHousehold: lambda command: command.household_number,
        ProposeExit: lambda command: command.household_id,
        MergeHouseholds: lambda command: command.household_id,
    },
    events=(HouseholdRegistered, HouseholdsMerged, HouseholdMergedAway, ExitProposed),
    region=lambda state: state.village_id,
    further={MergeHouseholds: lambda command: (command.merged_household_id,)},
)


def made(store: Store, sealer: Sealer, facts: Any = None) -> Handler:
    return Handler(
        service="registry",
        deciders=[DECIDER],
        facts=facts or {},
        store=store,
        sealer=sealer,
        programme=FixedParameters(),
        clock=ManualClock(),
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path / "store.db", TOPICS, ManualClock())
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def handler(store: Store, sealer: Sealer) -> Handler:
    here = made(store, sealer)
    for household in ("a", "b", "c"):
        await here.handle(register(household), OFFICE)
    return here


def merge(kept: str = "a", other: str = "b", **fields: Any) -> MergeHouseholds:
    told = {"command_id": str(uuid.uuid4()), "reason": "same", "effective_on": "2020-03-02"}
    return MergeHouseholds(household_id=kept, merged_household_id=other, **{**told, **fields})


async def kinds(store: Store, household: str) -> list[str]:
    records = await store.load(f"household-{household}")
    return [type(event_of(parse(record.envelope))).__name__ for record in records]


async def test_both_streams_are_written_by_one_append_and_the_claim_moves(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    receipt = await handler.handle(merge(), OFFICE)
    assert (receipt.stream, receipt.version) == ("household-a", 2)
    assert list(receipt.event_ids) == ["household-a@2", "household-b@2"]
    (own,) = await store.load("household-a", 1)
    assert receipt.position.partition == own.partition
    assert receipt.position.position == own.position
    assert await kinds(store, "a") == ["HouseholdRegistered", "HouseholdsMerged"]
    assert await kinds(store, "b") == ["HouseholdRegistered", "HouseholdMergedAway"]
    assert await store.claim_owner("house", sealer.blind("house", "b")) == "a"


async def test_the_states_go_on_from_what_the_command_did(handler: Handler) -> None:
    await handler.handle(merge(), OFFICE)
    assert (await handler.state("household", "a"))[0].merged == 1
    with pytest.raises(Rejected, match="household-gone"):
        await handler.handle(propose("b"), OFFICE)
    await handler.handle(propose("a"), OFFICE)


async def test_a_retry_gets_the_first_receipt_also_after_a_restart(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    command = merge()
    first = await handler.handle(command, OFFICE)
    assert await handler.handle(command, OFFICE) == first
    assert await made(store, sealer).handle(command, OFFICE) == first
    changed = merge(command_id=command.command_id, reason="another")
    with pytest.raises(CommandReused):
        await handler.handle(changed, OFFICE)


async def test_many_at_once_on_the_same_streams_leave_one_winner_and_no_deadlock(
    handler: Handler, store: Store
) -> None:
    pairs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a"), ("a", "c"), ("c", "b")] * 3
    jobs = [handler.handle(merge(*pair), OFFICE) for pair in pairs]
    beside = [handler.handle_many([propose(each) for each in "abc"], OFFICE) for _ in range(6)]
    done = await asyncio.wait_for(asyncio.gather(*jobs, *beside, return_exceptions=True), 20)
    # Nothing keeps a household that is gone from taking others in: each is gone at most once.
    gone = [each for each in "abc" if "HouseholdMergedAway" in await kinds(store, each)]
    merged = [each for each in done if not isinstance(each, BaseException | list)]
    assert len(gone) == len(merged) > 0
    assert all(isinstance(each, Rejected) for each in done if isinstance(each, BaseException))


async def test_a_conflict_on_either_stream_decides_again(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    elsewhere = made(store, sealer)
    await handler.state("household", "b")
    await elsewhere.handle(merge("c", "b"), OFFICE)
    with pytest.raises(Rejected, match="household-gone"):
        await handler.handle(merge("a", "b"), OFFICE)
    assert await kinds(store, "a") == ["HouseholdRegistered"]
    await elsewhere.handle(propose("c"), OFFICE)
    receipt = await handler.handle(merge("a", "c"), OFFICE)
    assert receipt.version == 2


async def test_a_taken_claim_writes_to_neither_stream(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    await handler.handle(merge("a", "b"), OFFICE)
    # The claim of "b" belongs to "a" now: household "d" tries to take it along.
    taking = replace(DECIDER, decide=_take_b)
    other = made(store, sealer)
    other._routes[MergeHouseholds] = (taking, DECIDER.commands[MergeHouseholds])
    with pytest.raises(Rejected, match="taken"):
        await other.handle(merge("c", "a"), OFFICE)
    assert len(await kinds(store, "c")) == 1
    assert len(await kinds(store, "a")) == 2
    assert (await other.handle(propose("c"), OFFICE)).version == 2


def _take_b(state: State, command: Any, context: Context) -> Iterator[Any]:
    yield Claim("house", "b", "c", "taken")
    yield HouseholdsMerged(household_id="c", reason="x")
    yield Elsewhere("a", HouseholdMergedAway(household_id="a"))


async def test_no_effect_is_remembered(handler: Handler, store: Store) -> None:
    receipt = await handler.handle(merge(reason="nothing"), OFFICE)
    assert (receipt.no_effect, receipt.version) == (True, 1)
    assert await kinds(store, "b") == ["HouseholdRegistered"]


async def test_the_region_of_every_stream_is_checked(handler: Handler, store: Store) -> None:
    await handler.handle(register("far", village_id="520102001001"), OFFICE)

    def only_here(region: str) -> None:
        if region != VILLAGE:
            raise Forbidden("region-missing", role="county-office", region=region)

    with pytest.raises(Forbidden):
        await handler.handle(merge("a", "far"), OFFICE, only_here)
    assert await kinds(store, "a") == ["HouseholdRegistered"]


async def test_facts_of_another_time_are_read_again_and_endlessly_so_is_contention(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    outdated = [False, True, True]

    async def facts(command: MergeHouseholds) -> list[bool]:
        return outdated

    reading = made(store, sealer, {MergeHouseholds: facts})
    await reading.state("household", "a")
    assert (await reading.handle(merge(), OFFICE)).version == 2
    assert outdated == []
    outdated += [True] * 99
    with pytest.raises(Contended):
        await reading.handle(merge("a", "c"), OFFICE)


async def test_a_reaction_that_is_refused_is_an_event(handler: Handler) -> None:
    service = Actor("planning", {"service": ("",)}, caused_by="plan-1@3")
    await handler.handle(merge(), OFFICE)
    assert (await handler.handle(merge("c", "b"), service)).refused == "household-gone"


async def test_in_a_batch_it_sees_what_came_before_it(handler: Handler) -> None:
    commands = [propose("b"), merge("a", "b"), propose("b"), propose("c")]
    outcomes = await handler.handle_many(commands, OFFICE)
    assert [each.refusal.slug for each in outcomes] == ["", "", "household-gone", ""]
    assert outcomes[1].receipt.version == 2
