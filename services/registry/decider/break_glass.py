"""Access where no role reaches: for a listed reason, for some hours, looked at afterwards."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from chassis.decider import Context, Decider, Decisions, derived_id
from chassis.rejection import require
from chassis.times import micros
from services.registry.decider.part import person_of
from tuopin.registry.v1.access_pb2 import (
    BREAK_GLASS_FINDING_UNSPECIFIED,
    BreakGlassExpired,
    BreakGlassFinding,
    BreakGlassOpened,
    BreakGlassReviewed,
    ExpireBreakGlass,
    OpenBreakGlass,
    ReviewBreakGlass,
)

TABLE = "access"
REASONS = "break-glass-reasons"
HOURS_MAX = "break-glass-hours-max"

Command = OpenBreakGlass | ExpireBreakGlass | ReviewBreakGlass
Event = BreakGlassOpened | BreakGlassExpired | BreakGlassReviewed


@dataclass(frozen=True, slots=True)
class State:
    """One access, from its opening to its review."""

    break_glass_id: str = ""
    reader: str = ""
    region_id: str = ""
    household_id: str = ""
    expires_at_us: int = 0
    open: bool = False
    finding: BreakGlassFinding.ValueType = BREAK_GLASS_FINDING_UNSPECIFIED


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of break-glass access."""
    match command:
        case OpenBreakGlass():
            return opened(state, command, context)
        case ExpireBreakGlass():
            return expired(state, context)
        case ReviewBreakGlass():
            return reviewed(state, command, context)
        case _:
            assert_never(command)


def opened(state: State, command: OpenBreakGlass, context: Context) -> Decisions:
    """Whoever opens it says why and for how long; that is all it takes, and all are told."""
    reasons = context.parameters.table(TABLE)[REASONS]
    require(
        command.reason in reasons,
        "break-glass-reason-not-listed",
        field="reason",
        listed=", ".join(reasons),
    )
    require(
        bool(command.region_id) != bool(command.household_id),
        "break-glass-target-missing",
        field="region_id",
    )
    village_id: str = context.facts
    require(not command.household_id or village_id, "household-not-known", field="household_id")
    region_id = command.region_id or village_id
    most = context.parameters.number(HOURS_MAX, on=context.today, region=region_id)
    require(command.hours <= most, "break-glass-too-long", field="hours", most=most)
    if not state.break_glass_id:
        until = context.now + timedelta(hours=command.hours)
        yield BreakGlassOpened(
            break_glass_id=break_glass_id_of(command),
            reader=person_of(context),
            reason=command.reason,
            note=command.note,
            region_id=region_id,
            household_id=command.household_id,
            opened_at_us=micros(context.now),
            expires_at_us=micros(until),
        )


def expired(state: State, context: Context) -> Decisions:
    """Its clock ran out; one that a review ended is over already."""
    require(state.break_glass_id, "break-glass-not-known")
    now_us = micros(context.now)
    if state.open:
        require(now_us >= state.expires_at_us, "break-glass-not-over")
        yield BreakGlassExpired(break_glass_id=state.break_glass_id, region_id=state.region_id)


def reviewed(state: State, command: ReviewBreakGlass, context: Context) -> Decisions:
    """Somebody else than the reader says whether it was right; said twice it stands once."""
    require(state.break_glass_id, "break-glass-not-known", field="break_glass_id")
    require(person_of(context) != state.reader, "break-glass-own-review")
    if state.finding == command.finding:
        return
    require(not state.finding, "break-glass-already-reviewed")
    yield BreakGlassReviewed(
        break_glass_id=state.break_glass_id,
        region_id=state.region_id,
        finding=command.finding,
        note=command.note,
        reviewed_by=person_of(context),
    )


def evolve(state: State, event: Event) -> State:
    """What the access is after the event."""
    match event:
        case BreakGlassOpened():
            return State(
                break_glass_id=event.break_glass_id,
                reader=event.reader,
                region_id=event.region_id,
                household_id=event.household_id,
                expires_at_us=event.expires_at_us,
                open=True,
            )
        case BreakGlassExpired():
            return replace(state, open=False)
        case BreakGlassReviewed():
            return replace(state, open=False, finding=event.finding)
        case _:
            assert_never(event)


def break_glass_id_of(command: OpenBreakGlass) -> str:
    """The same for a repeated command."""
    return derived_id("break-glass", command.command_id)


BREAK_GLASS: Decider[State] = Decider(
    noun="breakglass",
    topic="access",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        OpenBreakGlass: break_glass_id_of,
        ExpireBreakGlass: lambda command: command.break_glass_id,
        ReviewBreakGlass: lambda command: command.break_glass_id,
    },
    events=(BreakGlassOpened, BreakGlassExpired, BreakGlassReviewed),
    region=lambda state: state.region_id,
)
