"""Identification, step by step, each at its level and in its order."""

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor, Claim
from services.registry.decider.identification import ApplicationFacts
from tests.registry import applying as a
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    household_registered,
    identity_number,
    note,
    person_erased,
    register_household,
)
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.types.v1.types_pb2 import Evidence

REJECTED = household.HOUSEHOLD_STATUS_REJECTED
# Each step with what went before it, who takes it and what it leads to.
STEPS: list[tuple[tuple[Message, ...], Message, Actor]] = [
    (a.APPLIED, a.prove_income(), a.VILLAGE),
    (a.PROVED, a.appraise(), a.VILLAGE),
    (a.APPRAISED, a.post_in_village(), a.VILLAGE),
    (a.SHOWN, a.review_at_township(), a.TOWNSHIP),
    (a.TOWNSHIP_REVIEWED, a.post_by_township(), a.TOWNSHIP),
    (a.SHOWN_AGAIN, a.review_at_county(), a.COUNTY),
    (a.COUNTY_REVIEWED, a.announce(), a.COUNTY),
    (a.ANNOUNCED, a.register_applicant(), a.COUNTY),
]
NAMES = [type(command).__name__ for _, command, _ in STEPS]


def test_a_household_applies_with_its_file() -> None:
    (
        a.given()
        .when(a.apply_household(relatives=["wu-county"]), by=a.VILLAGE)
        .then(a.applied(relatives=["wu-county"]))
        .then_claims()
    )


@pytest.mark.parametrize(("before", "command", "by"), STEPS, ids=NAMES)
def test_each_step_follows_the_one_before(
    before: tuple[Message, ...], command: Message, by: Actor
) -> None:
    assert a.given(*before).when(command, by=by, facts=a.applicant()).events


@pytest.mark.parametrize("number", range(2, len(STEPS)))
def test_no_step_is_taken_too_early(number: int) -> None:
    before, _, _ = STEPS[number - 2]
    _, command, by = STEPS[number]
    a.given(*before).when(command, by=by).then_rejected("identification-step-not-reached")


@pytest.mark.parametrize("number", range(len(STEPS) - 1))
def test_no_step_is_taken_twice(number: int) -> None:
    _, command, by = STEPS[number]
    story = a.given(*a.ANNOUNCED).when(command, by=by)
    story.then_rejected("identification-step-already-taken")


@pytest.mark.parametrize(("before", "command", "by"), STEPS, ids=NAMES)
def test_only_who_applies_is_identified(
    before: tuple[Message, ...], command: Message, by: Actor
) -> None:
    a.given().when(command, by=by).then_rejected("household-not-known")
    a.given(household_registered()).when(command, by=by).then_rejected("household-not-applying")


def test_the_register_is_entered_with_the_file_and_a_claim_on_each_member() -> None:
    said = a.given(*a.ANNOUNCED).when(a.register_applicant(), by=a.COUNTY, facts=a.applicant())
    said.then(household_registered(effective_on="2020-03-02"))
    said.then_claims(
        *(
            Claim(
                "active-member", number, f"{HOUSEHOLD_ID}/{person}", "person-already-in-household"
            )
            for number, person in (
                (identity_number(), HEAD_ID),
                (identity_number("20080601"), CHILD_ID),
            )
        )
    )


def test_an_omitted_household_is_supplemented_by_the_round_it_named() -> None:
    events = (a.applied(round_id="round-1"), *a.ANNOUNCED[1:])
    said = a.given(*events).when(a.register_applicant(), by=a.COUNTY, facts=a.applicant())
    said.then_event(pb.HouseholdSupplemented, round_id="round-1", member_count=2)


def test_who_is_in_the_register_does_not_apply() -> None:
    for events in ((household_registered(),), a.APPLIED):
        a.given(*events).when(a.apply_household()).then_rejected("household-already-known")


def test_who_was_rejected_may_apply_again() -> None:
    voted_down = a.given(*a.PROVED).when(a.appraise(votes_for=20), by=a.VILLAGE).events
    again = a.given(*a.PROVED, *voted_down).when(a.apply_household(), by=a.VILLAGE)
    again.then(a.applied())


@pytest.mark.parametrize(
    ("file", "facts", "slug"),
    [
        ({"other_causes": [1]}, ApplicationFacts(), "cause-given-twice"),
        ({}, ApplicationFacts(village_known=False), "village-not-in-regions"),
        ({}, ApplicationFacts(active_in={1: "other"}), "person-already-in-household"),
        ({"effective_on": "2020-03-03"}, ApplicationFacts(), "effective-date-in-the-future"),
    ],
)
def test_the_file_fulfils_what_every_file_must(
    file: dict[str, Any], facts: ApplicationFacts, slug: str
) -> None:
    command = a.apply_household(file=register_household(command_id="command-1", **file))
    a.given().when(command, facts=facts).then_rejected(slug)


def test_the_allowance_list_stands_for_the_proof_of_income() -> None:
    on_list = register_household(
        command_id="command-1", attribute=household.ATTRIBUTE_SUBSISTENCE_ALLOWANCE
    )
    taken = a.given().when(a.apply_household(file=on_list, allowance_reference="低保1"))
    taken.then_event(pb.HouseholdApplied, allowance_reference="低保1")
    a.given(*taken.events).when(a.appraise(), by=a.VILLAGE).then_event(pb.VillageAppraised)


def test_nobody_else_refers_to_the_allowance_list() -> None:
    (
        a.given()
        .when(a.apply_household(allowance_reference="低保1"))
        .then_rejected("allowance-reference-without-allowance")
    )


def test_without_the_list_income_is_proved_before_the_village_meets() -> None:
    a.given(*a.APPLIED).when(a.appraise(), by=a.VILLAGE).then_rejected("income-not-proved")


@pytest.mark.parametrize("foreign", [Evidence(), Evidence(note=note("other").note)])
def test_the_proof_is_about_this_household(foreign: Evidence) -> None:
    slug = "evidence-of-other-household"
    a.given(*a.APPLIED).when(a.prove_income(foreign)).then_rejected(slug)


def test_a_round_is_open_when_it_is_named() -> None:
    (
        a.given()
        .when(a.apply_household(round_id="round-1"), facts=ApplicationFacts(round_open=False))
        .then_rejected("round-not-open")
    )


# The village meeting


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"present": 61}, "meeting-larger-than-village"),
        ({"votes_for": 43}, "meeting-votes-over-present"),
        ({"present": 40, "votes_for": 40, "votes_against": 0}, "meeting-without-quorum"),
        ({"held_on": "2019-12-31"}, "meeting-too-early"),
        ({"held_on": "2020-03-03"}, "effective-date-in-the-future"),
        ({"minutes": a.note(household_id="other")}, "note-of-other-household"),
    ],
)
def test_a_meeting_that_could_not_decide_is_refused(changes: dict[str, Any], slug: str) -> None:
    a.given(*a.PROVED).when(a.appraise(**changes), by=a.VILLAGE).then_rejected(slug)


@pytest.mark.parametrize(
    ("votes_for", "passed", "status"),
    [(23, True, household.HOUSEHOLD_STATUS_VILLAGE_APPRAISED), (22, False, REJECTED)],
)
def test_more_than_half_of_those_present_decide(
    votes_for: int, passed: bool, status: household.HouseholdStatus.ValueType
) -> None:
    (
        a.given(*a.PROVED)
        .when(a.appraise(votes_for=votes_for), by=a.VILLAGE)
        .then_event(pb.VillageAppraised, passed=passed, status=status, majority_percent=50)
    )


# Postings and reviews


@pytest.mark.parametrize(
    ("posted", "command", "by"),
    [
        (a.POSTED, a.review_at_township(), a.TOWNSHIP),
        (a.POSTED_AGAIN, a.review_at_county(), a.COUNTY),
    ],
    ids=["village", "township"],
)
def test_a_review_waits_for_the_posting_and_its_objections(
    posted: tuple[Message, ...], command: Message, by: Actor
) -> None:
    a.given(*posted).when(command, by=by).then_rejected("posting-not-over", until="2020-03-09")
    objected = (*posted, a.objection_raised())
    a.given(*objected).when(command, by=by).then_rejected("objection-open", count=1)


def test_an_open_objection_stops_every_later_step() -> None:
    for _, command, by in STEPS[3:]:
        story = a.given(*a.POSTED, a.objection_raised())
        story.when(command, by=by).then_rejected("objection-open")


@pytest.mark.parametrize(
    ("before", "command", "by"),
    [
        (a.SHOWN, a.review_at_township(approved=False), a.TOWNSHIP),
        (a.SHOWN_AGAIN, a.review_at_county(approved=False), a.COUNTY),
    ],
    ids=["township", "county"],
)
def test_a_review_can_say_no(before: tuple[Message, ...], command: Message, by: Actor) -> None:
    (event,) = a.given(*before).when(command, by=by).events
    assert event.status == REJECTED  # type: ignore[attr-defined]


def test_a_finding_is_about_this_household() -> None:
    other, slug = a.note(household_id="other"), "note-of-other-household"
    for before, command, by in (
        (a.SHOWN, a.review_at_township(finding=other), a.TOWNSHIP),
        (a.SHOWN_AGAIN, a.review_at_county(finding=other), a.COUNTY),
        (a.APPLIED, a.record_fact(about=other), a.VILLAGE),
    ):
        a.given(*before).when(command, by=by).then_rejected(slug)


# Separation of duties


@pytest.mark.parametrize(
    ("number", "actor", "level"),
    [(3, a.VILLAGE, "village"), (5, a.VILLAGE, "village"), (5, a.TOWNSHIP, "township")],
)
def test_nobody_reviews_at_two_levels(number: int, actor: Actor, level: str) -> None:
    before, command, _ = STEPS[number]
    a.given(*before).when(command, by=actor).then_rejected("reviewer-at-two-levels", level=level)


@pytest.mark.parametrize(("before", "command", "by"), STEPS, ids=NAMES)
def test_nobody_takes_a_step_in_a_relatives_file(
    before: tuple[Message, ...], command: Message, by: Actor
) -> None:
    related = (a.applied(relatives=[by.subject]), *before[1:])
    a.given(*related).when(command, by=by).then_rejected("reviewer-is-a-relative")


# Disqualifying facts


def _with_car(*events: Message) -> tuple[Message, ...]:
    found = a.given(*events).when(a.record_fact(), by=a.VILLAGE).events
    return (*events, *found)


def test_a_disqualifying_fact_is_recorded_once() -> None:
    a.given(*a.APPLIED).when(a.record_fact()).then_event(pb.DisqualifyingFactRecorded, fact="car")
    a.given(*_with_car(*a.APPLIED)).when(a.record_fact()).then_nothing()


@pytest.mark.parametrize("fact", ["yacht", "late", "elsewhere"])
def test_only_what_the_programme_asks_about_here_today_disqualifies(fact: str) -> None:
    slug = "disqualifying-fact-not-listed"
    a.given(*a.APPLIED).when(a.record_fact(fact)).then_rejected(slug, fact=fact)
    a.given().when(a.apply_household(disqualifying_facts=[fact])).then_rejected(slug)


def test_income_over_the_line_stands_against_it() -> None:
    rich = register_household(
        command_id="command-1", income=household.Income(year=2019, wages_fen=800_000)
    )
    (
        a.given()
        .when(a.apply_household(file=rich, disqualifying_facts=["car"]))
        .then_event(pb.HouseholdApplied, disqualifying_facts=["car", "income-over-line"])
    )


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (a.SHOWN_AGAIN, a.review_at_county()),
        (a.COUNTY_REVIEWED, a.announce()),
        (a.ANNOUNCED, a.register_applicant()),
    ],
    ids=["review", "announcement", "registration"],
)
def test_nobody_is_admitted_with_one(before: tuple[Message, ...], command: Message) -> None:
    slug = "disqualifying-fact-not-overridden"
    a.given(*_with_car(*before)).when(command, by=a.COUNTY).then_rejected(slug, facts="car")


def test_the_county_overrides_with_a_reason() -> None:
    with_car = _with_car(*a.SHOWN_AGAIN)
    said = a.given(*with_car).when(a.override_fact(), by=a.COUNTY)
    said.then_event(pb.DisqualifyingFactOverridden, overridden_by=a.COUNTY.subject)
    after = a.given(*with_car, *said.events)
    after.when(a.review_at_county(), by=a.COUNTY).then_event(pb.CountyReviewed, approved=True)
    after.when(a.override_fact(), by=a.COUNTY).then_nothing()


def test_only_a_recorded_fact_is_overridden() -> None:
    a.given(*a.APPLIED).when(a.override_fact(), by=a.COUNTY).then_rejected("override-without-fact")


def test_facts_are_found_while_a_household_applies() -> None:
    registered = (household_registered(),)
    for command in (a.record_fact(), a.override_fact()):
        a.given(*registered).when(command).then_rejected("household-not-applying")


def test_a_county_may_still_say_no_to_a_household_with_a_car() -> None:
    (
        a.given(*_with_car(*a.SHOWN_AGAIN))
        .when(a.review_at_county(approved=False), by=a.COUNTY)
        .then_event(pb.CountyReviewed, status=REJECTED)
    )


def test_a_household_of_erased_people_goes_no_further() -> None:
    gone = (person_erased(), person_erased(CHILD_ID))
    a.given(*a.PROVED, *gone).when(a.appraise(), by=a.VILLAGE).then_rejected("household-erased")
