"""After the exit: support ends on its day, an exit was wrong, a household fell back."""

from dataclasses import replace
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.exit import require_not_before, step
from services.registry.decider.part import (
    Part,
    by_household_id,
    person_of,
    require_known,
    require_past,
)
from services.registry.decider.state import State
from services.registry.decider.warning import dismissed
from services.registry.decider.watch import FOLLOWED, PENDING
from tuopin.registry.v1.exit_pb2 import (
    REINSTATEMENT_RELAPSE,
    REINSTATEMENT_WRONG_EXIT,
    DeclareExitWrong,
    EndSupport,
    ExitDeclaredWrong,
    HouseholdReinstated,
    ReinstateHousehold,
    Reinstatement,
    SupportEnded,
)
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_EXITED, HOUSEHOLD_STATUS_RELAPSED
from tuopin.registry.v1.monitoring_pb2 import WARNING_DISMISSAL_REINSTATED

Command = EndSupport | DeclareExitWrong | ReinstateHousehold
Event = SupportEnded | ExitDeclaredWrong | HouseholdReinstated


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of what follows an exit."""
    match command:
        case EndSupport():
            return end_support(state, command, context)
        case DeclareExitWrong():
            return declare_exit_wrong(state, command, context)
        case ReinstateHousehold():
            return reinstate(state, command, context)
        case _:
            assert_never(command)


def end_support(state: State, command: EndSupport, context: Context) -> Decisions:
    """The grace period ran out; one that was cut short or began again ends nothing."""
    require(state.household_id, "household-not-known")
    leaving = state.leaving
    stale = state.status != HOUSEHOLD_STATUS_EXITED or leaving.support_ended
    if stale or leaving.support_until != command.support_until:
        return
    running = context.today.isoformat() <= leaving.support_until
    require(not running, "support-not-over", until=leaving.support_until)
    yield SupportEnded(
        household_id=state.household_id,
        village_id=state.village_id,
        support_until=leaving.support_until,
    )


def declare_exit_wrong(state: State, command: DeclareExitWrong, context: Context) -> Decisions:
    """It was no exit: the household is back, and the finding stands beside who let it go."""
    _require_out(state, command.effective_on, context)
    own = person_of(context) == state.leaving.exited_by
    require(not own, "exit-judged-by-its-own")
    yield ExitDeclaredWrong(
        household_id=state.household_id,
        village_id=state.village_id,
        found_by=command.found_by,
        failed=command.failed,
        finding=command.finding,
        effective_on=command.effective_on,
        declared_by=person_of(context),
        exited_by=state.leaving.exited_by,
        exited_on=state.leaving.exited_on,
    )
    yield _reinstated(state, command, context, REINSTATEMENT_WRONG_EXIT)
    yield from _unwatched(state, command, context)


def reinstate(state: State, command: ReinstateHousehold, context: Context) -> Decisions:
    """It was out and fell back, in spite of what was done: only out of the watch over it."""
    _require_out(state, command.effective_on, context)
    require(state.watch.stage in FOLLOWED, "household-not-monitored")
    yield _reinstated(state, command, context, REINSTATEMENT_RELAPSE)
    yield from _unwatched(state, command, context)


def _require_out(state: State, day: str, context: Context) -> None:
    require_known(state)
    require(state.status == HOUSEHOLD_STATUS_EXITED, "household-not-exited")
    require_past(day, context)
    require_not_before(state, day)


def _unwatched(
    state: State, command: DeclareExitWrong | ReinstateHousehold, context: Context
) -> Decisions:
    """In the register it is helped; the watch over it is over."""
    if state.watch.stage in (*PENDING, *FOLLOWED):
        yield dismissed(state, context, WARNING_DISMISSAL_REINSTATED, on=command.effective_on)


def _reinstated(
    state: State,
    command: DeclareExitWrong | ReinstateHousehold,
    context: Context,
    reason: Reinstatement.ValueType,
) -> HouseholdReinstated:
    return HouseholdReinstated(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=reason,
        finding=command.finding,
        effective_on=command.effective_on,
        reinstated_by=person_of(context),
        member_count=len(state.person_ids),
    )


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case SupportEnded():
            return replace(state, leaving=replace(state.leaving, support_ended=True))
        case ExitDeclaredWrong():
            return state
        case HouseholdReinstated():
            return step(state, HOUSEHOLD_STATUS_RELAPSED, event.effective_on)
        case _:
            assert_never(event)


RELAPSE = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys((EndSupport, DeclareExitWrong, ReinstateHousehold), by_household_id),
    events=(SupportEnded, ExitDeclaredWrong, HouseholdReinstated),
)
