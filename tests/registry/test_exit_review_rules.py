"""The exit in public: posted, reviewed by two levels, announced, and the household leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor
from tests.given import Story
from tests.registry.exit_steps import (
    REVIEW_ON,
    announce,
    given,
    judged,
    leave,
    objected,
    review_at_county,
    review_at_township,
    withdraw,
)
from tests.registry.leaving import (
    AGREED,
    ANNOUNCED,
    AT_COUNTY,
    COMMITTEE,
    COUNTY,
    IN_THE_VILLAGE,
    OF,
    POSTED,
    RESIDENT,
    REVIEWED,
    SHOWN,
    TOWNSHIP,
    WHERE,
    announced,
    exited,
    posting_opened,
    proposed,
    reviewed_at_county,
    reviewed_at_township,
)
from tests.registry.stories import (
    propose_exit,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting

# Posted, reviewed, announced


def test_the_exit_is_posted_for_its_whole_time() -> None:
    given(*AGREED).when(exits.PostExit(**OF), at=POSTED, by=COMMITTEE).then(posting_opened())


def test_the_township_waits_for_the_end_of_the_posting() -> None:
    (
        given(*IN_THE_VILLAGE)
        .when(review_at_township(), by=TOWNSHIP, at=POSTED + timedelta(days=6))
        .then_rejected("posting-not-over", until="2020-02-20")
    )


@pytest.mark.parametrize("command", [review_at_township(), withdraw()])
def test_an_open_objection_stops_every_step(command: Message) -> None:
    given(*objected()).when(command, by=TOWNSHIP).then_rejected("objection-open")


def test_a_dismissed_objection_starts_the_clock_again() -> None:
    (
        given(*judged(upheld=False))
        .when(review_at_township(), by=TOWNSHIP, at=POSTED + timedelta(days=8))
        .then_rejected("posting-not-over", until="2020-02-22")
    )


def test_an_upheld_objection_ends_the_exit() -> None:
    story = judged(upheld=True)
    assert Story(given, story).state().status == pb.HOUSEHOLD_STATUS_REGISTERED
    given(*story).when(review_at_township(), by=TOWNSHIP).then_rejected("exit-not-proposed")
    given(*story).when(propose_exit(), by=COMMITTEE).then(proposed())


def test_township_and_county_review() -> None:
    (
        given(*SHOWN)
        .when(review_at_township(), by=TOWNSHIP, at=REVIEW_ON)
        .then(reviewed_at_township())
    )
    at = datetime(2020, 2, 24, 1, tzinfo=UTC)
    given(*AT_COUNTY).when(review_at_county(), by=COUNTY, at=at).then(reviewed_at_county())


@pytest.mark.parametrize(
    ("story", "command", "actor", "reason"),
    [
        (SHOWN, review_at_township(False), TOWNSHIP, exits.EXIT_STOP_TOWNSHIP_REFUSED),
        (AT_COUNTY, review_at_county(False), COUNTY, exits.EXIT_STOP_COUNTY_REFUSED),
    ],
)
def test_a_refused_review_stops_the_exit(
    story: tuple[Message, ...], command: Message, actor: Actor, reason: int
) -> None:
    given(*story).when(command, by=actor).then_event(
        exits.ExitStopped,
        reason=reason,
        status=pb.HOUSEHOLD_STATUS_REGISTERED,
        stopped_by=actor.subject,
    )


@pytest.mark.parametrize("actor", [COMMITTEE, RESIDENT])
def test_who_acted_in_the_village_does_not_review(actor: Actor) -> None:
    given(*SHOWN).when(review_at_township(), by=actor).then_rejected("reviewer-at-two-levels")


@pytest.mark.parametrize(
    ("story", "command"),
    [(AT_COUNTY, review_at_county()), (REVIEWED, announce()), (ANNOUNCED, leave())],
)
def test_who_reviewed_at_the_township_does_nothing_at_the_county(
    story: tuple[Message, ...], command: Message
) -> None:
    given(*story).when(command, by=TOWNSHIP).then_rejected("reviewer-at-two-levels")


def test_a_relative_takes_no_step() -> None:
    relative = posting.RelativeDeclared(**WHERE, official=COUNTY.subject)
    (
        given(*AT_COUNTY, relative)
        .when(review_at_county(), by=COUNTY)
        .then_rejected("reviewer-is-a-relative")
    )


def test_the_county_announces_under_its_document() -> None:
    at = datetime(2020, 2, 26, 1, tzinfo=UTC)
    given(*REVIEWED).when(announce(), by=COUNTY, at=at).then(announced())


def test_a_household_leaves_and_support_goes_on() -> None:
    given(*ANNOUNCED).when(leave(), by=COUNTY).then(exited())


# Withdrawn
