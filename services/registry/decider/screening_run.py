"""A county's households are screened, run after run: opened by the county or by the clock,
completed by the server.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from chassis.decider import Context, Decider, Decisions
from services.registry.decider.part import person_of
from tuopin.registry.v1.screening_pb2 import (
    CompleteScreening,
    OpenScreening,
    ScreeningCompleted,
    ScreeningOpened,
)

Command = OpenScreening | CompleteScreening
Event = ScreeningOpened | ScreeningCompleted

EVERY_DAYS = "screening-every-days"
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class State:
    """The last run of a county."""

    region_id: str = ""
    run: int = 0
    opened_on: str = ""
    next_at_us: int = 0
    completed: bool = True
    households: int = 0
    warned: int = 0


def decide(state: State, command: Command, context: Context) -> Decisions:
    """One run at a time."""
    match command:
        case OpenScreening():
            return open_screening(state, command, context)
        case CompleteScreening():
            return complete(state, command)
        case _:
            assert_never(command)


def open_screening(state: State, command: OpenScreening, context: Context) -> Decisions:
    """While one is under way another has no effect."""
    if not state.completed:
        return
    days = context.parameters.number(EVERY_DAYS, on=context.today, region=command.region_id)
    next_at = context.now + timedelta(days=days)
    yield ScreeningOpened(
        region_id=command.region_id,
        run=state.run + 1,
        opened_on=context.today.isoformat(),
        opened_by=person_of(context),
        next_at_us=0 if command.only_once else round(next_at.timestamp()) * MICROSECONDS,
    )


def complete(state: State, command: CompleteScreening) -> Decisions:
    """Told once."""
    if state.run == command.run and not state.completed:
        yield ScreeningCompleted(
            region_id=state.region_id,
            run=state.run,
            households=command.households,
            warned=command.warned,
        )


def evolve(state: State, event: Event) -> State:
    """What the county's run is after the event."""
    match event:
        case ScreeningOpened():
            next_at_us = event.next_at_us
            return State(event.region_id, event.run, event.opened_on, next_at_us, completed=False)
        case ScreeningCompleted():
            households, warned = event.households, event.warned
            return replace(state, completed=True, households=households, warned=warned)
        case _:
            assert_never(event)


SCREENING: Decider[State] = Decider(
    noun="screening",
    topic="region",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (OpenScreening, CompleteScreening), lambda command: str(command.region_id)
    ),
    events=(ScreeningOpened, ScreeningCompleted),
    region=lambda state: state.region_id,
)
