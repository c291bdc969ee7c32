"""Removal of a household that should never have been in: proposed, put to the village meeting,
posted, decided by the county in a yearly round. What comes to nothing leaves it where it was.
"""

from dataclasses import replace
from typing import assert_never

from chassis.decider import Context, Decisions, Release
from chassis.rejection import require
from services.registry.decider import meeting, posting
from services.registry.decider.duties import (
    COUNTY,
    VILLAGE,
    having_acted,
    require_no_relative,
    require_one_level,
)
from services.registry.decider.part import Part, by_household_id, person_of, require_known
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.decider.state import Removal, State
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_REGISTERED,
    HOUSEHOLD_STATUS_RELAPSED,
    HOUSEHOLD_STATUS_REMOVAL_APPRAISED,
    HOUSEHOLD_STATUS_REMOVAL_POSTED,
    HOUSEHOLD_STATUS_REMOVAL_PROPOSED,
    HOUSEHOLD_STATUS_REMOVED,
)
from tuopin.registry.v1.posting_pb2 import POSTING_PURPOSE_REMOVAL
from tuopin.registry.v1.round_pb2 import (
    AppraiseRemoval,
    HouseholdRemoved,
    PostRemoval,
    ProposeRemoval,
    RemovalAppraised,
    RemovalProposed,
    RemoveHousehold,
)

Command = ProposeRemoval | AppraiseRemoval | PostRemoval | RemoveHousehold
Event = RemovalProposed | RemovalAppraised | HouseholdRemoved

REASONS = "removal"
# A household in the middle of its exit goes on with that, or is stopped first.
INSIDE = frozenset({HOUSEHOLD_STATUS_REGISTERED, HOUSEHOLD_STATUS_RELAPSED})
COURSE = (
    HOUSEHOLD_STATUS_REMOVAL_PROPOSED,
    HOUSEHOLD_STATUS_REMOVAL_APPRAISED,
    HOUSEHOLD_STATUS_REMOVAL_POSTED,
)


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of each step."""
    match command:
        case ProposeRemoval():
            return propose(state, command, context)
        case AppraiseRemoval():
            return appraise(state, command, context)
        case PostRemoval():
            return post(state, context)
        case RemoveHousehold():
            return remove(state, command, context)
        case _:
            assert_never(command)


def propose(state: State, command: ProposeRemoval, context: Context) -> Decisions:
    """By an office, or by the finding of a look-back."""
    require_known(state)
    require(state.status in INSIDE, "removal-of-household-outside")
    require_no_relative(state, context)
    reasons = context.parameters.table(REASONS)
    require(command.reason in reasons, "removal-reason-not-listed", field="reason")
    posting.require_about(state, command.statement, "statement")
    yield RemovalProposed(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=command.reason,
        statement=command.statement,
        lookback_id=command.lookback_id,
        proposed_by=person_of(context),
        effective_on=context.today.isoformat(),
        status=HOUSEHOLD_STATUS_REMOVAL_PROPOSED,
        status_before=state.status,
    )


def appraise(state: State, command: AppraiseRemoval, context: Context) -> Decisions:
    """The village meeting; voted down, the household stays."""
    _require_at(state, 0)
    require_one_level(state, context, VILLAGE)
    held, village_id = command.meeting, state.village_id
    earliest = state.removal.proposed_on
    meeting.require_sound(held, state.household_id, village_id, earliest, context)
    passed = meeting.passed(held, village_id, context)
    yield RemovalAppraised(
        household_id=state.household_id,
        village_id=village_id,
        meeting=held,
        passed=passed,
        quorum_percent=meeting.quorum_percent(village_id, context),
        majority_percent=meeting.majority_percent(village_id, context),
        recorded_by=person_of(context),
        effective_on=held.held_on,
        status=HOUSEHOLD_STATUS_REMOVAL_APPRAISED if passed else state.removal.status_before,
    )


def post(state: State, context: Context) -> Decisions:
    """The notice goes up; an upheld objection keeps the household in."""
    _require_at(state, 1)
    require_one_level(state, context, VILLAGE)
    yield posting.opened(
        state,
        context,
        purpose=POSTING_PURPOSE_REMOVAL,
        days="removal-posting-days",
        status=HOUSEHOLD_STATUS_REMOVAL_POSTED,
        status_if_upheld=state.removal.status_before,
    )


def remove(state: State, command: RemoveHousehold, context: Context) -> Decisions:
    """The county's decision, in the open round; its people may be registered anew."""
    _require_at(state, 2)
    posting.require_passed(state, POSTING_PURPOSE_REMOVAL)
    require_one_level(state, context, COUNTY)
    open_round: bool = context.facts
    require(open_round, "round-not-open", field="round_id")
    posting.require_about(state, command.ground, "ground")
    yield HouseholdRemoved(
        household_id=state.household_id,
        village_id=state.village_id,
        round_id=command.round_id,
        reason=state.removal.reason,
        ground=command.ground,
        removed_by=person_of(context),
        member_count=len(state.person_ids),
        effective_on=context.today.isoformat(),
        status=HOUSEHOLD_STATUS_REMOVED,
    )
    for person_id in state.person_ids:
        if person_id not in state.erased:
            yield Release(ACTIVE_MEMBER, f"{state.household_id}/{person_id}")


def _require_at(state: State, step: int) -> None:
    require_known(state)
    require(state.status in COURSE, "removal-not-proposed")
    here = COURSE.index(state.status)
    require(here <= step, "removal-step-already-taken")
    posting.require_no_objection(state)
    require(here == step, "removal-step-not-reached")


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case RemovalProposed():
            removal = Removal(event.reason, event.effective_on, event.status_before)
            return replace(state, status=event.status, removal=removal, acted={})
        case RemovalAppraised():
            acted = having_acted(state, event.recorded_by, VILLAGE)
            return replace(state, status=event.status, acted=acted)
        case HouseholdRemoved():
            return replace(state, status=event.status)
        case _:
            assert_never(event)


REMOVAL = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (ProposeRemoval, AppraiseRemoval, PostRemoval, RemoveHousehold), by_household_id
    ),
    events=(RemovalProposed, RemovalAppraised, HouseholdRemoved),
)
