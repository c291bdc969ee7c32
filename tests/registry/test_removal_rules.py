"""Rounds of dynamic management, and the removal of who should never have been in."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor, Release
from services.registry.decider.round import ROUND, round_id_of
from tests.given import Given
from tests.registry import applying as a
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    exit_proposed,
    household_registered,
    person_erased,
)
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.registry.v1 import round_pb2 as pb

REGISTERED = household.HOUSEHOLD_STATUS_REGISTERED
ROUND_ID = round_id_of("433124", 2020)
IN_OFFICE = Actor("he-office", {"county-office": ("433124",)})


def propose(**changes: Any) -> pb.ProposeRemoval:
    fields = {"household_id": HOUSEHOLD_ID, "reason": "wrongly-admitted", "statement": a.note()}
    return pb.ProposeRemoval(**{**fields, **changes})  # type: ignore[arg-type]


def appraise(**changes: Any) -> pb.AppraiseRemoval:
    return pb.AppraiseRemoval(household_id=HOUSEHOLD_ID, meeting=a.meeting(**changes))


def remove(**changes: Any) -> pb.RemoveHousehold:
    fields = {"household_id": HOUSEHOLD_ID, "round_id": ROUND_ID, "ground": a.note()}
    return pb.RemoveHousehold(**{**fields, **changes})  # type: ignore[arg-type]


POST = pb.PostRemoval(household_id=HOUSEHOLD_ID)
IN = (household_registered(),)
PROPOSED = (*IN, *a.given(*IN).when(propose(), by=IN_OFFICE).events)
APPRAISED = (*PROPOSED, *a.given(*PROPOSED).when(appraise(), by=a.VILLAGE).events)
POSTED = (*APPRAISED, *a.given(*APPRAISED).when(POST, by=a.VILLAGE, at=a.START).events)
SHOWN = (*POSTED, a.closed(POSTED[-1]))  # type: ignore[arg-type]
STEPS: list[tuple[tuple[Message, ...], Message, Actor]] = [
    (IN, propose(), IN_OFFICE),
    (PROPOSED, appraise(), a.VILLAGE),
    (APPRAISED, POST, a.VILLAGE),
    (SHOWN, remove(), a.COUNTY),
]


def test_a_removal_goes_its_way_and_the_people_are_free() -> None:
    (
        a.given(*SHOWN)
        .when(remove(), by=a.COUNTY, facts=True)
        .then_event(
            pb.HouseholdRemoved,
            round_id=ROUND_ID,
            reason="wrongly-admitted",
            member_count=2,
            removed_by=a.COUNTY.subject,
            status=household.HOUSEHOLD_STATUS_REMOVED,
        )
        .then_claims(
            Release("active-member", f"{HOUSEHOLD_ID}/{HEAD_ID}"),
            Release("active-member", f"{HOUSEHOLD_ID}/{CHILD_ID}"),
        )
    )


def test_the_claim_of_an_erased_person_was_given_back_before() -> None:
    (
        a.given(*SHOWN, person_erased(CHILD_ID))
        .when(remove(), by=a.COUNTY, facts=True)
        .then_claims(Release("active-member", f"{HOUSEHOLD_ID}/{HEAD_ID}"))
    )


def test_who_was_removed_may_apply_again() -> None:
    gone = a.given(*SHOWN).when(remove(), by=a.COUNTY, facts=True).events
    a.given(*SHOWN, *gone).when(a.apply_household(), by=a.VILLAGE).then(a.applied())


@pytest.mark.parametrize("number", range(2, len(STEPS)))
def test_no_step_is_taken_too_early(number: int) -> None:
    before, (_, command, by) = STEPS[number - 1][0], STEPS[number]
    story = a.given(*before).when(command, by=by, facts=True)
    story.then_rejected("removal-step-not-reached")


@pytest.mark.parametrize("number", range(1, len(STEPS) - 1))
def test_no_step_is_taken_twice(number: int) -> None:
    _, command, by = STEPS[number]
    a.given(*SHOWN).when(command, by=by).then_rejected("removal-step-already-taken")


@pytest.mark.parametrize("number", range(1, len(STEPS)))
def test_without_a_proposal_nothing_is_removed(number: int) -> None:
    _, command, by = STEPS[number]
    a.given(*IN).when(command, by=by, facts=True).then_rejected("removal-not-proposed")
    a.given().when(command, by=by, facts=True).then_rejected("household-not-known")


@pytest.mark.parametrize("events", [a.APPLIED, PROPOSED, (*IN, exit_proposed())])
def test_only_who_is_in_the_register_is_proposed(events: tuple[Message, ...]) -> None:
    a.given(*events).when(propose()).then_rejected("removal-of-household-outside")


def test_a_removal_has_a_reason_of_the_programme() -> None:
    a.given(*IN).when(propose(reason="dislike")).then_rejected("removal-reason-not-listed")


def test_texts_are_about_the_household() -> None:
    other, slug = a.note(household_id="other"), "note-of-other-household"
    a.given(*IN).when(propose(statement=other)).then_rejected(slug)
    a.given(*SHOWN).when(remove(ground=other), by=a.COUNTY, facts=True).then_rejected(slug)


def test_voted_down_the_household_stays() -> None:
    (
        a.given(*PROPOSED)
        .when(appraise(votes_for=5), by=a.VILLAGE)
        .then_event(pb.RemovalAppraised, passed=False, status=REGISTERED)
    )


def test_a_meeting_before_the_proposal_decides_nothing() -> None:
    early = appraise(held_on="2020-03-01")
    a.given(*PROPOSED).when(early, by=a.VILLAGE).then_rejected("meeting-too-early")


def test_an_upheld_objection_keeps_the_household_in() -> None:
    raised = a.objection_raised(purpose=posting.POSTING_PURPOSE_REMOVAL)
    (
        a.given(*POSTED, raised)
        .when(a.uphold(), by=a.COUNTY)
        .then_event(posting.ObjectionUpheld, status=REGISTERED)
    )


def test_the_decision_waits_for_the_posting_and_its_objections() -> None:
    story = a.given(*POSTED).when(remove(), by=a.COUNTY, facts=True)
    story.then_rejected("posting-not-over")
    objected = a.given(*POSTED, a.objection_raised()).when(remove(), by=a.COUNTY, facts=True)
    objected.then_rejected("objection-open")


def test_duties_are_separate() -> None:
    a.given(*SHOWN).when(remove(), by=a.VILLAGE).then_rejected("reviewer-at-two-levels")
    kin = a.given(*SHOWN).when(a.declare_relative(a.COUNTY.subject)).events
    a.given(*SHOWN, *kin).when(remove(), by=a.COUNTY).then_rejected("reviewer-is-a-relative")


def test_a_household_is_removed_in_an_open_round() -> None:
    (a.given(*SHOWN).when(remove(), by=a.COUNTY, facts=False).then_rejected("round-not-open"))


# Rounds

given = Given(ROUND)
OPEN = pb.OpenRound(county_id="433124", year=2020)
CLOSE = pb.CloseRound(round_id=ROUND_ID)
OPENED = given().when(OPEN).events
CLOSED = given(*OPENED).when(CLOSE).events


def test_a_round_is_opened_and_closed_once() -> None:
    given().when(OPEN).then_event(pb.RoundOpened, round_id=ROUND_ID, year=2020)
    given(*OPENED).when(OPEN).then_nothing()
    given(*OPENED).when(CLOSE).then_event(pb.RoundClosed, round_id=ROUND_ID)
    given(*OPENED, *CLOSED).when(CLOSE).then_nothing()


def test_a_closed_round_is_not_opened_again() -> None:
    given(*OPENED, *CLOSED).when(OPEN).then_rejected("round-already-closed")


def test_an_unknown_round_is_not_closed() -> None:
    given().when(CLOSE).then_rejected("round-not-known")


def test_a_round_begins_with_its_year() -> None:
    next_year = pb.OpenRound(county_id="433124", year=2021)
    given().when(next_year).then_rejected("round-of-a-year-to-come")
    later = a.START + timedelta(days=366)
    given().when(next_year, at=later).then_event(pb.RoundOpened, year=2021)
