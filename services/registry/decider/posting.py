"""Postings of every procedure: opened, objected to, and closed by their own clock only.

A procedure opens one with `opened` in a command of its own, and demands `require_passed` in every
later step; what stands between the two is decided here.
"""

from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import reject, require
from chassis.times import day_of, micros
from services.registry.decider.duties import require_no_relative
from services.registry.decider.part import Part, by_household_id, person_of, require_known
from services.registry.decider.state import Objection, Posting, State
from tuopin.registry.v1.household_pb2 import HouseholdStatus
from tuopin.registry.v1.posting_pb2 import (
    POSTING_PURPOSE_IDENTIFICATION_VILLAGE,
    ClosePosting,
    DeclareRelative,
    DismissObjection,
    ObjectionDismissed,
    ObjectionRaised,
    ObjectionUpheld,
    PostingClosed,
    PostingOpened,
    PostingPurpose,
    RaiseObjection,
    RelativeDeclared,
    UpholdObjection,
)
from tuopin.types.v1.types_pb2 import Note

Command = ClosePosting | RaiseObjection | UpholdObjection | DismissObjection | DeclareRelative
Event = (
    PostingOpened
    | PostingClosed
    | ObjectionRaised
    | ObjectionUpheld
    | ObjectionDismissed
    | RelativeDeclared
)
COUNTY_OFFICE = "county-office"


def opened(
    state: State,
    context: Context,
    *,
    purpose: PostingPurpose.ValueType,
    days: str,
    status: HouseholdStatus.ValueType,
    status_if_upheld: HouseholdStatus.ValueType,
) -> PostingOpened:
    """The event that opens a posting; `days` names the parameter with its length."""
    shown = context.parameters.number(days, on=context.today, region=state.village_id)
    return PostingOpened(
        household_id=state.household_id,
        village_id=state.village_id,
        household_number=state.household_number,
        posting_id=context.new_id("posting"),
        purpose=purpose,
        days=shown,
        opened_at_us=micros(context.now),
        closes_at_us=micros(context.now + timedelta(days=shown)),
        opened_by=person_of(context),
        effective_on=context.today.isoformat(),
        status=status,
        status_if_upheld=status_if_upheld,
        main_cause=state.main_cause,
    )


def require_no_objection(state: State) -> None:
    """An open objection stops every later step."""
    require(not state.posting.open, "objection-open", count=len(state.posting.open))


def require_passed(state: State, purpose: PostingPurpose.ValueType) -> None:
    """The posting of this purpose was shown for all its days, and nobody was found right."""
    posting = state.posting
    require(posting.purpose == purpose, "posting-missing")
    require_no_objection(state)
    require(posting.passed, "posting-not-over", until=day_of(posting.closes_at_us))


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of what happens to a posting."""
    match command:
        case ClosePosting():
            return close(state, command, context)
        case RaiseObjection():
            return object_to(state, command, context)
        case UpholdObjection():
            return uphold(state, command, context)
        case DismissObjection():
            return dismiss(state, command, context)
        case DeclareRelative():
            return declare_relative(state, command, context)
        case _:
            assert_never(command)


def close(state: State, command: ClosePosting, context: Context) -> Decisions:
    """The clock that the deadline stands for ran out; one stopped or moved since closes nothing."""
    require(state.household_id, "household-not-known")
    posting = state.posting
    clock = (posting.posting_id, posting.closes_at_us)
    if not posting.running or clock != (command.posting_id, command.closes_at_us):
        return
    now_us = micros(context.now)
    require(not posting.open and now_us >= posting.closes_at_us, "posting-clock-running")
    yield PostingClosed(
        household_id=state.household_id,
        village_id=state.village_id,
        posting_id=posting.posting_id,
        purpose=posting.purpose,
        closed_at_us=now_us,
        effective_on=context.today.isoformat(),
    )


def object_to(state: State, command: RaiseObjection, context: Context) -> Decisions:
    """Anybody may, with or without a name, as often as they like while the notice hangs."""
    require_known(state)
    require(state.posting.running, "posting-not-open")
    require_about(state, command.statement, "statement")
    named = command.objector_id or command.objector_name
    require(not (command.anonymous and named), "objection-anonymous-with-name", field="anonymous")
    require(command.anonymous or named, "objection-without-objector", field="objector_id")
    yield ObjectionRaised(
        household_id=state.household_id,
        village_id=state.village_id,
        posting_id=state.posting.posting_id,
        purpose=state.posting.purpose,
        objection_id=context.new_id("objection"),
        channel=command.channel,
        statement=command.statement,
        anonymous=command.anonymous,
        objector_id=command.objector_id,
        objector_name=command.objector_name,
        taken_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def uphold(state: State, command: UpholdObjection, context: Context) -> Decisions:
    """What was posted does not happen; the posting and its other objections end with it."""
    if _judged_already(state, command):
        return
    _require_judge(state, command, context)
    yield ObjectionUpheld(
        household_id=state.household_id,
        village_id=state.village_id,
        posting_id=state.posting.posting_id,
        purpose=state.posting.purpose,
        objection_id=command.objection_id,
        finding=command.finding,
        judged_by=person_of(context),
        effective_on=context.today.isoformat(),
        status=state.posting.status_if_upheld,
    )


def dismiss(state: State, command: DismissObjection, context: Context) -> Decisions:
    """With the last open one dismissed the clock starts again, in full length."""
    if _judged_already(state, command):
        return
    _require_judge(state, command, context)
    posting = state.posting
    again = micros(context.now + timedelta(days=posting.days))
    yield ObjectionDismissed(
        household_id=state.household_id,
        village_id=state.village_id,
        posting_id=posting.posting_id,
        purpose=posting.purpose,
        objection_id=command.objection_id,
        finding=command.finding,
        judged_by=person_of(context),
        effective_on=context.today.isoformat(),
        closes_at_us=again if len(posting.open) == 1 else 0,
    )


def declare_relative(state: State, command: DeclareRelative, context: Context) -> Decisions:
    """By the official or by anybody who knows; there is no way back."""
    require_known(state)
    if command.official not in state.relatives:
        yield RelativeDeclared(
            household_id=state.household_id,
            village_id=state.village_id,
            official=command.official,
            declared_by=person_of(context),
        )


def _judged_already(state: State, command: UpholdObjection | DismissObjection) -> bool:
    """A judgement is spoken once; the same again changes nothing, another one is refused."""
    require_known(state)
    upheld = state.posting.judged.get(command.objection_id)
    if upheld is None:
        return False
    same = upheld == isinstance(command, UpholdObjection)
    require(same, "objection-already-judged", field="objection_id")
    return True


def _require_judge(
    state: State, command: UpholdObjection | DismissObjection, context: Context
) -> None:
    objection = state.posting.open.get(command.objection_id)
    if objection is None:
        reject("objection-not-known", field="objection_id")
    judge = person_of(context)
    require_no_relative(state, context)
    own = judge in (objection.objector_id, objection.taken_by)
    require(not own, "objection-judged-by-its-own", field="objection_id")
    by_township = state.posting.purpose == POSTING_PURPOSE_IDENTIFICATION_VILLAGE
    require(by_township or COUNTY_OFFICE in context.actor.roles, "objection-judged-by-county")
    require_about(state, command.finding, "finding")


def require_about(state: State, note: Note, field: str) -> None:
    """The text is about this very household, whose key seals it."""
    require(note.household_id == state.household_id, "note-of-other-household", field=field)


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    posting = state.posting
    match event:
        case PostingOpened():
            fresh = Posting(
                posting_id=event.posting_id,
                purpose=event.purpose,
                days=event.days,
                closes_at_us=event.closes_at_us,
                status_if_upheld=event.status_if_upheld,
            )
            return replace(state, posting=fresh, status=event.status)
        case PostingClosed():
            over = replace(posting, passed=True, passed_on=event.effective_on, closes_at_us=0)
            return replace(state, posting=over)
        case ObjectionRaised():
            raised = Objection(event.objector_id, event.taken_by)
            still = {**posting.open, event.objection_id: raised}
            return replace(state, posting=replace(posting, open=still, closes_at_us=0))
        case ObjectionUpheld():
            judged = {**posting.judged, event.objection_id: True}
            over = replace(posting, failed=True, open={}, judged=judged, closes_at_us=0)
            return replace(state, posting=over, status=event.status)
        case ObjectionDismissed():
            left = {key: each for key, each in posting.open.items() if key != event.objection_id}
            judged = {**posting.judged, event.objection_id: False}
            again = replace(posting, open=left, judged=judged, closes_at_us=event.closes_at_us)
            return replace(state, posting=again)
        case RelativeDeclared():
            return replace(state, relatives=state.relatives | {event.official})
        case _:
            assert_never(event)


POSTING = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (ClosePosting, RaiseObjection, UpholdObjection, DismissObjection, DeclareRelative),
        by_household_id,
    ),
    events=(
        PostingOpened,
        PostingClosed,
        ObjectionRaised,
        ObjectionUpheld,
        ObjectionDismissed,
        RelativeDeclared,
    ),
)
