"""A round of dynamic management: one per county and year, opened and closed by the county."""

from dataclasses import dataclass, replace
from typing import assert_never

from chassis.decider import Context, Decider, Decisions, derived_id
from chassis.rejection import require
from services.registry.decider.part import person_of
from tuopin.registry.v1.round_pb2 import CloseRound, OpenRound, RoundClosed, RoundOpened

Command = OpenRound | CloseRound
Event = RoundOpened | RoundClosed


def round_id_of(county_id: str, year: int) -> str:
    """The same county and year are the same round."""
    return derived_id("round", county_id, year)


@dataclass(frozen=True, slots=True)
class Round:
    """One round."""

    round_id: str = ""
    county_id: str = ""
    year: int = 0
    closed: bool = False


def decide(state: Round, command: Command, context: Context) -> Decisions:
    """Opened once, closed once; the same again changes nothing."""
    match command:
        case OpenRound():
            return open_round(state, command, context)
        case CloseRound():
            return close_round(state, context)
        case _:
            assert_never(command)


def open_round(state: Round, command: OpenRound, context: Context) -> Decisions:
    """Of a year that has begun."""
    require(not state.closed, "round-already-closed")
    if state.round_id:
        return
    require(command.year <= context.today.year, "round-of-a-year-to-come", field="year")
    yield RoundOpened(
        round_id=round_id_of(command.county_id, command.year),
        county_id=command.county_id,
        year=command.year,
        opened_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def close_round(state: Round, context: Context) -> Decisions:
    """Nothing gets into its figures afterwards."""
    require(state.round_id, "round-not-known", field="round_id")
    if state.closed:
        return
    yield RoundClosed(
        round_id=state.round_id,
        county_id=state.county_id,
        year=state.year,
        closed_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def evolve(state: Round, event: Event) -> Round:
    """What the round is after the event."""
    match event:
        case RoundOpened():
            return Round(event.round_id, event.county_id, event.year)
        case RoundClosed():
            return replace(state, closed=True)
        case _:
            assert_never(event)


ROUND: Decider[Round] = Decider(
    noun="round",
    topic="household",
    initial=Round,
    decide=decide,
    evolve=evolve,
    commands={
        OpenRound: lambda command: round_id_of(command.county_id, command.year),
        CloseRound: lambda command: command.round_id,
    },
    events=(RoundOpened, RoundClosed),
    region=lambda state: state.county_id,
)
