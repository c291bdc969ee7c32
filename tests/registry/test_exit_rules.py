"""The exit of a household, rule by rule: proposed, step after step, taken back or wrong."""

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor
from tests.given import NOW
from tests.registry.exit_steps import (
    ABRIDGED,
    REVIEW_ON,
    announce,
    given,
    leave,
    review_at_county,
    review_at_township,
    withdraw,
)
from tests.registry.leaving import (
    AGREED,
    ANNOUNCED,
    APPRAISED,
    AT_COUNTY,
    COMMITTEE,
    COUNTY,
    EXITED,
    FOUND,
    OF,
    OTHER_COUNTY,
    PROPOSED,
    REGISTERED,
    RESIDENT,
    REVIEWED,
    SHOWN,
    TOWNSHIP,
    VERIFIED,
    WHERE,
    appraise,
    declare_wrong,
    posting_opened,
    proposed,
    record,
)
from tests.registry.stories import (
    agree_to_exit,
    propose_exit,
    verify_exit,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb


def test_an_exit_is_proposed_for_a_registered_household() -> None:
    given(*REGISTERED).when(propose_exit(), by=COMMITTEE).then(proposed())


def test_the_person_behind_a_service_is_named() -> None:
    (
        given(*REGISTERED)
        .when(propose_exit(), by=Actor("notifier", on_behalf_of="wang-cadre"))
        .then_event(pb.ExitProposed, proposed_by="wang-cadre")
    )


@pytest.mark.parametrize("story", [PROPOSED, VERIFIED, ANNOUNCED, EXITED, ABRIDGED])
def test_an_exit_is_proposed_once(story: tuple[Message, ...]) -> None:
    given(*story).when(propose_exit()).then_rejected("exit-already-proposed")


def test_an_exit_is_not_proposed_ahead_of_its_day() -> None:
    (
        given(*REGISTERED)
        .when(propose_exit(effective_on="2020-03-03"))
        .then_rejected("effective-date-in-the-future")
    )


def test_only_a_household_of_the_register_can_be_proposed() -> None:
    removed = posting_opened(status=pb.HOUSEHOLD_STATUS_REMOVED)
    given(*REGISTERED, removed).when(propose_exit()).then_rejected("household-not-in-register")


def test_what_the_abridged_procedure_left_half_done_starts_over() -> None:
    given(*ABRIDGED[:3]).when(propose_exit(), by=COMMITTEE).then(proposed())


@pytest.mark.parametrize("command", [verify_exit(), agree_to_exit(), leave()])
def test_the_abridged_procedure_is_closed(command: Message) -> None:
    given(*ABRIDGED[:-1]).when(command).then_rejected("exit-not-proposed")


def test_an_exit_by_the_abridged_procedure_stays_one() -> None:
    given(*ABRIDGED).when(leave()).then_rejected("household-already-exited")


# The order of the steps

STEPS: list[tuple[Message, Actor]] = [
    (propose_exit(), COMMITTEE),
    (appraise(), COMMITTEE),
    (verify_exit(), RESIDENT),
    (agree_to_exit(), COMMITTEE),
    (exits.PostExit(**OF), COMMITTEE),
    (review_at_township(), TOWNSHIP),
    (review_at_county(), COUNTY),
    (announce(), COUNTY),
    (leave(), COUNTY),
]
STORIES = [REGISTERED, PROPOSED, FOUND, VERIFIED, AGREED, SHOWN, AT_COUNTY, REVIEWED, ANNOUNCED]
MISSING = [
    "exit-not-proposed",
    "exit-not-appraised",
    "exit-not-verified",
    "exit-not-agreed",
    "exit-not-posted",
    "exit-not-reviewed-by-township",
    "exit-not-reviewed-by-county",
    "exit-not-announced",
]
ALREADY = [
    "exit-already-proposed",
    "exit-already-appraised",
    "exit-already-verified",
    "exit-already-agreed",
    "exit-already-posted",
    "exit-already-reviewed-by-township",
    "exit-already-reviewed-by-county",
    "exit-already-announced",
    "household-already-exited",
]


@pytest.mark.parametrize("taken", range(9))
def test_each_step_waits_for_the_one_before(taken: int) -> None:
    for command, actor in STEPS[taken + 1 :]:
        result = given(*STORIES[taken]).when(command, by=actor, at=REVIEW_ON)
        result.then_rejected(MISSING[taken])


@pytest.mark.parametrize("taken", range(1, 10))
def test_each_step_is_taken_once(taken: int) -> None:
    story = [*STORIES, EXITED][taken]
    for (command, actor), slug in list(zip(STEPS, ALREADY, strict=True))[:taken]:
        given(*story).when(command, by=actor).then_rejected(slug)


@pytest.mark.parametrize(
    ("story", "command", "on"),
    [
        (PROPOSED, appraise(effective_on="2020-01-31"), "2020-02-01"),
        (APPRAISED, record(effective_on="2020-02-02"), "2020-02-03"),
        (FOUND, verify_exit(effective_on="2020-02-08"), "2020-02-09"),
        (VERIFIED, agree_to_exit(given_on="2020-02-09"), "2020-02-10"),
        (ANNOUNCED, leave(effective_on="2020-02-25"), "2020-02-26"),
        (AGREED, withdraw(effective_on="2020-02-11"), "2020-02-12"),
        (EXITED, declare_wrong(effective_on="2020-02-26"), "2020-02-27"),
    ],
)
def test_the_steps_keep_their_order_in_dates_too(
    story: tuple[Message, ...], command: Message, on: str
) -> None:
    actor = RESIDENT if isinstance(command, exits.RecordExitFindings) else OTHER_COUNTY
    given(*story).when(command, by=actor).then_rejected("exit-step-before-the-last", on=on)


@pytest.mark.parametrize("story", [PROPOSED, VERIFIED, AGREED, SHOWN, ANNOUNCED, ABRIDGED[:3]])
def test_an_exit_can_be_taken_back_until_it_is_done(story: tuple[Message, ...]) -> None:
    withdrawn = given(*story).when(withdraw(), by=COMMITTEE)
    withdrawn.then_event(exits.ExitWithdrawn, status=pb.HOUSEHOLD_STATUS_REGISTERED)
    given(*story, *withdrawn.events).when(propose_exit(), by=COMMITTEE).then(proposed())


@pytest.mark.parametrize("story", [REGISTERED, EXITED])
def test_there_must_be_an_exit_to_take_back(story: tuple[Message, ...]) -> None:
    given(*story).when(withdraw()).then_rejected("exit-not-under-way")


# After the exit

END = exits.EndSupport(**OF, support_until="2020-03-28")


def test_support_ends_when_its_day_is_over() -> None:
    at = datetime(2020, 3, 28, 16, 0, 3, tzinfo=UTC)
    ended = given(*EXITED).when(END, at=at)
    ended.then(exits.SupportEnded(**WHERE, support_until="2020-03-28"))
    given(*EXITED, *ended.events).when(END, at=at).then_nothing()


def test_support_does_not_end_before() -> None:
    at = datetime(2020, 3, 28, 15, 59, tzinfo=UTC)
    given(*EXITED).when(END, at=at).then_rejected("support-not-over", until="2020-03-28")


def test_a_clock_of_another_exit_ends_nothing() -> None:
    at = datetime(2021, 1, 1, tzinfo=UTC)
    stale = exits.EndSupport(**OF, support_until="2020-03-01")
    given(*EXITED).when(stale, at=at).then_nothing()
    given(*EXITED, *wrong()).when(END, at=at).then_nothing()


def wrong() -> list[Message]:
    return given(*EXITED).when(declare_wrong(), by=OTHER_COUNTY).events


def test_a_wrong_exit_brings_the_household_back() -> None:
    first, second = wrong()
    assert isinstance(first, exits.ExitDeclaredWrong)
    assert (first.exited_by, first.exited_on) == (COUNTY.subject, "2020-02-27")
    assert isinstance(second, exits.HouseholdReinstated)
    assert second.reason == exits.REINSTATEMENT_WRONG_EXIT
    state = given(*EXITED, first, second).state()
    assert state.status == pb.HOUSEHOLD_STATUS_RELAPSED


def test_an_exit_of_the_abridged_procedure_can_be_wrong_too() -> None:
    result = given(*ABRIDGED).when(declare_wrong(), by=OTHER_COUNTY)
    result.then_event(exits.ExitDeclaredWrong, exited_on="2020-02-15")


def test_nobody_judges_the_exit_they_carried_out() -> None:
    given(*EXITED).when(declare_wrong(), by=COUNTY).then_rejected("exit-judged-by-its-own")


@pytest.mark.parametrize("story", [REGISTERED, ANNOUNCED])
def test_only_an_exit_can_be_wrong(story: tuple[Message, ...]) -> None:
    given(*story).when(declare_wrong(), by=OTHER_COUNTY).then_rejected("household-not-exited")


def test_a_relapsed_household_can_leave_again_and_stays_relapsed_when_it_does_not() -> None:
    again = (*EXITED, *wrong(), proposed(effective_on="2020-03-02"))
    stopped = given(*again).when(
        appraise(votes_for=0, votes_against=9, effective_on="2020-03-02"), by=COMMITTEE, at=NOW
    )
    stopped.then_event(exits.ExitStopped, status=pb.HOUSEHOLD_STATUS_RELAPSED)


def test_a_household_falls_back_only_out_of_monitoring() -> None:
    command = exits.ReinstateHousehold(**OF, finding="返贫", effective_on="2020-03-01")
    given(*EXITED).when(command, by=OTHER_COUNTY).then_rejected("household-not-monitored")
