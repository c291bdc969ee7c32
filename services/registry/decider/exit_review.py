"""A household's way out of the register, second half: posted in the village, reviewed by township
and county, announced, out.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from chassis.decider import Context, Decisions
from services.registry.decider.duties import (
    COUNTY,
    TOWNSHIP,
    having_acted,
    require_no_relative,
    require_one_level,
)
from services.registry.decider.exit import require_after, require_not_before, step, stopped
from services.registry.decider.part import (
    Part,
    by_household_id,
    person_of,
    require_known,
    require_past,
)
from services.registry.decider.posting import opened, require_passed
from services.registry.decider.state import State
from tuopin.registry.v1.exit_pb2 import (
    EXIT_STOP_COUNTY_REFUSED,
    EXIT_STOP_TOWNSHIP_REFUSED,
    AnnounceExit,
    ExitAnnounced,
    ExitReviewedAtCounty,
    ExitReviewedAtTownship,
    PostExit,
    ReviewExitAtCounty,
    ReviewExitAtTownship,
)
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_ANNOUNCED,
    HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_POSTED,
    HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_EXITED,
    PROCEDURE_FULL,
    ExitHousehold,
    HouseholdExited,
)
from tuopin.registry.v1.posting_pb2 import POSTING_PURPOSE_EXIT

Command = PostExit | ReviewExitAtTownship | ReviewExitAtCounty | AnnounceExit | ExitHousehold
Event = ExitReviewedAtTownship | ExitReviewedAtCounty | ExitAnnounced | HouseholdExited


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules from the notice to the last day in the register."""
    match command:
        case PostExit():
            return post_exit(state, context)
        case ReviewExitAtTownship():
            return review_at_township(state, command, context)
        case ReviewExitAtCounty():
            return review_at_county(state, command, context)
        case AnnounceExit():
            return announce_exit(state, command, context)
        case ExitHousehold():
            return exit_household(state, command, context)
        case _:
            assert_never(command)


def post_exit(state: State, context: Context) -> Decisions:
    """The notice hangs in the village for its whole time; anyone can object."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_AGREED)
    require_no_relative(state, context)
    yield opened(
        state,
        context,
        purpose=POSTING_PURPOSE_EXIT,
        days="exit-posting-days",
        status=HOUSEHOLD_STATUS_EXIT_POSTED,
        status_if_upheld=state.leaving.returns_to,
    )


def review_at_township(state: State, command: ReviewExitAtTownship, context: Context) -> Decisions:
    """Nobody objected, or nobody was right; who reviews had no part in it before."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_POSTED)
    require_passed(state, POSTING_PURPOSE_EXIT)
    require_one_level(state, context, TOWNSHIP)
    today = context.today.isoformat()
    if not command.approved:
        yield stopped(state, context, EXIT_STOP_TOWNSHIP_REFUSED, on=today, note=command.note)
        return
    yield ExitReviewedAtTownship(
        household_id=state.household_id,
        village_id=state.village_id,
        note=command.note,
        effective_on=today,
        reviewed_by=person_of(context),
    )


def review_at_county(state: State, command: ReviewExitAtCounty, context: Context) -> Decisions:
    """The last look, by somebody who had no part in it before."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED)
    require_one_level(state, context, COUNTY)
    today = context.today.isoformat()
    if not command.approved:
        yield stopped(state, context, EXIT_STOP_COUNTY_REFUSED, on=today, note=command.note)
        return
    yield ExitReviewedAtCounty(
        household_id=state.household_id,
        village_id=state.village_id,
        note=command.note,
        effective_on=today,
        reviewed_by=person_of(context),
    )


def announce_exit(state: State, command: AnnounceExit, context: Context) -> Decisions:
    """Made public under the county's document."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED)
    require_one_level(state, context, COUNTY)
    yield ExitAnnounced(
        household_id=state.household_id,
        village_id=state.village_id,
        document=command.document,
        effective_on=context.today.isoformat(),
        announced_by=person_of(context),
    )


def exit_household(state: State, command: ExitHousehold, context: Context) -> Decisions:
    """Out of the register's count; support goes on for the grace period."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_ANNOUNCED)
    require_one_level(state, context, COUNTY)
    require_past(command.effective_on, context)
    require_not_before(state, command.effective_on)
    exited_on = date.fromisoformat(command.effective_on)
    grace_days = context.parameters.number(
        "support-grace-days", on=exited_on, region=state.village_id
    )
    yield HouseholdExited(
        household_id=state.household_id,
        village_id=state.village_id,
        procedure=PROCEDURE_FULL,
        effective_on=command.effective_on,
        exited_by=person_of(context),
        support_until=(exited_on + timedelta(days=grace_days)).isoformat(),
        member_count=len(state.person_ids),
    )


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case ExitReviewedAtTownship():
            state = replace(state, acted=having_acted(state, event.reviewed_by, TOWNSHIP))
            return step(state, HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED, event.effective_on)
        case ExitReviewedAtCounty():
            state = replace(state, acted=having_acted(state, event.reviewed_by, COUNTY))
            return step(state, HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED, event.effective_on)
        case ExitAnnounced():
            return step(state, HOUSEHOLD_STATUS_EXIT_ANNOUNCED, event.effective_on)
        case HouseholdExited():
            leaving = replace(
                state.leaving,
                exited_by=event.exited_by,
                exited_on=event.effective_on,
                support_until=event.support_until,
                support_ended=False,
            )
            state = replace(state, leaving=leaving)
            return step(state, HOUSEHOLD_STATUS_EXITED, event.effective_on)
        case _:
            assert_never(event)


EXIT_REVIEW = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (PostExit, ReviewExitAtTownship, ReviewExitAtCounty, AnnounceExit, ExitHousehold),
        by_household_id,
    ),
    events=(ExitReviewedAtTownship, ExitReviewedAtCounty, ExitAnnounced, HouseholdExited),
)
