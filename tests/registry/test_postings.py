"""Postings: nobody shortens one, an objection stops the clock, somebody else judges it."""

from datetime import timedelta

import pytest

from chassis.decider import Actor
from tests.given import new_id
from tests.registry import applying as a
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import posting_pb2 as pb

CLOSES = a.micros(a.START + a.WEEK)
OBJECTED = (*a.POSTED, a.objection_raised())
OTHER = new_id("objection", 1)


def test_a_posting_is_open_for_the_days_of_the_programme() -> None:
    (
        a.given(*a.APPRAISED)
        .when(a.post_in_village(), at=a.START, by=a.VILLAGE)
        .then(a.opened(effective_on="2020-03-02"))
    )


def test_its_clock_closes_it() -> None:
    (
        a.given(*a.POSTED)
        .when(a.close_posting(CLOSES), at=a.START + a.WEEK, by=a.SERVICE)
        .then_event(pb.PostingClosed, posting_id=a.POSTING_ID, closed_at_us=CLOSES)
    )


def test_nobody_can_shorten_it() -> None:
    (
        a.given(*a.POSTED)
        .when(a.close_posting(CLOSES), at=a.START + a.WEEK - timedelta(microseconds=1))
        .then_rejected("posting-clock-running")
    )


@pytest.mark.parametrize(
    "command",
    [a.close_posting(CLOSES - 1), a.close_posting(CLOSES, "another"), a.close_posting(0)],
    ids=["moved", "other", "none"],
)
def test_a_clock_that_is_not_the_postings_closes_nothing(command: pb.ClosePosting) -> None:
    a.given(*a.POSTED).when(command, at=a.START + a.WEEK).then_nothing()


def test_a_posting_is_closed_once() -> None:
    a.given(*a.SHOWN).when(a.close_posting(CLOSES), at=a.START + 2 * a.WEEK).then_nothing()


def test_an_open_objection_keeps_it_open() -> None:
    late = a.START + 2 * a.WEEK
    a.given(*OBJECTED).when(a.close_posting(CLOSES), at=late).then_nothing()
    a.given(*OBJECTED).when(a.close_posting(0), at=late).then_rejected("posting-clock-running")


def test_there_is_no_posting_of_an_unknown_household() -> None:
    a.given().when(a.close_posting(CLOSES)).then_rejected("household-not-known")


def test_anybody_objects_by_name() -> None:
    (
        a.given(*a.POSTED)
        .when(a.raise_objection(), by=a.VILLAGE, at=a.START)
        .then(a.objection_raised())
    )


def test_anybody_objects_without_a_name() -> None:
    (
        a.given(*a.POSTED)
        .when(a.raise_objection(anonymous=True, objector_name=""))
        .then_event(pb.ObjectionRaised, anonymous=True, objector_id="", objector_name="")
    )


def test_several_objections_are_open_at_once() -> None:
    (
        a.given(*OBJECTED)
        .when(a.raise_objection(command_id="command-2"))
        .then_event(pb.ObjectionRaised, objection_id=new_id("objection", 0, "command-2"))
    )


def test_an_anonymous_objection_names_nobody() -> None:
    (
        a.given(*a.POSTED)
        .when(a.raise_objection(anonymous=True))
        .then_rejected("objection-anonymous-with-name")
    )


def test_an_objection_is_anonymous_or_has_an_objector() -> None:
    (
        a.given(*a.POSTED)
        .when(a.raise_objection(objector_name=""))
        .then_rejected("objection-without-objector")
    )


@pytest.mark.parametrize("events", [a.APPRAISED, a.SHOWN], ids=["before", "after"])
def test_one_objects_while_the_notice_hangs(events: tuple[pb.PostingOpened, ...]) -> None:
    a.given(*events).when(a.raise_objection()).then_rejected("posting-not-open")


def test_texts_are_about_the_posted_household() -> None:
    other = a.note(household_id="other")
    slug = "note-of-other-household"
    a.given(*a.POSTED).when(a.raise_objection(statement=other)).then_rejected(slug)
    a.given(*OBJECTED).when(a.dismiss(finding=other), by=a.TOWNSHIP).then_rejected(slug)


def test_a_dismissed_objection_starts_the_clock_again_in_full_length() -> None:
    later = a.START + timedelta(days=3)
    (
        a.given(*OBJECTED)
        .when(a.dismiss(), at=later, by=a.TOWNSHIP)
        .then_event(
            pb.ObjectionDismissed,
            closes_at_us=a.micros(later + a.WEEK),
            judged_by=a.TOWNSHIP.subject,
        )
    )


def test_the_clock_stands_while_another_objection_is_open() -> None:
    (
        a.given(*OBJECTED, a.objection_raised(OTHER))
        .when(a.dismiss(), by=a.TOWNSHIP)
        .then_event(pb.ObjectionDismissed, closes_at_us=0)
    )


def test_an_upheld_objection_ends_what_was_posted() -> None:
    (
        a.given(*OBJECTED)
        .when(a.uphold(), by=a.TOWNSHIP)
        .then_event(pb.ObjectionUpheld, status=household.HOUSEHOLD_STATUS_REJECTED)
    )


UPHELD = (
    *OBJECTED,
    a.objection_raised(OTHER),
    *a.given(*OBJECTED).when(a.uphold(), by=a.TOWNSHIP).events,
)


def test_with_it_every_other_objection_ends() -> None:
    a.given(*UPHELD).when(a.uphold(OTHER), by=a.TOWNSHIP).then_rejected("objection-not-known")
    a.given(*UPHELD).when(a.raise_objection()).then_rejected("posting-not-open")


def test_a_judgement_is_spoken_once() -> None:
    a.given(*UPHELD).when(a.uphold(), by=a.TOWNSHIP).then_nothing()
    a.given(*UPHELD).when(a.dismiss(), by=a.TOWNSHIP).then_rejected("objection-already-judged")


def test_an_unknown_objection_is_not_judged() -> None:
    a.given(*a.POSTED).when(a.dismiss(), by=a.TOWNSHIP).then_rejected("objection-not-known")


@pytest.mark.parametrize("judge", ["tang-township", "person-7"])
def test_nobody_judges_their_own_objection(judge: str) -> None:
    own = a.objection_raised(objector_id="person-7", taken_by="tang-township")
    (
        a.given(*a.POSTED, own)
        .when(a.dismiss(), by=Actor(judge, {"township-office": ("433124110",)}))
        .then_rejected("objection-judged-by-its-own")
    )


def test_nobody_judges_in_a_relatives_file() -> None:
    declared = a.given(*OBJECTED).when(a.declare_relative(a.TOWNSHIP.subject)).events
    (
        a.given(*OBJECTED, *declared)
        .when(a.uphold(), by=a.TOWNSHIP)
        .then_rejected("reviewer-is-a-relative")
    )


def test_what_the_township_posted_is_judged_by_the_county() -> None:
    raised = a.objection_raised(purpose=a.BY_TOWNSHIP)
    story = a.given(*a.POSTED_AGAIN, raised)
    story.when(a.dismiss(), by=a.TOWNSHIP).then_rejected("objection-judged-by-county")
    story.when(a.dismiss(), by=a.COUNTY).then_event(pb.ObjectionDismissed, purpose=a.BY_TOWNSHIP)


def test_a_relative_is_declared_once() -> None:
    declare = a.declare_relative("li-county")
    declared = a.given(*a.APPLIED).when(declare, by=a.VILLAGE)
    declared.then_event(pb.RelativeDeclared, official="li-county", declared_by="zhou-village")
    a.given(*a.APPLIED, *declared.events).when(declare).then_nothing()
