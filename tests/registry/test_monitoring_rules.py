"""Monitoring against relapse, rule by rule: from the warning to the watch."""

from datetime import timedelta

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor
from tests.registry.leaving import COMMITTEE, COUNTY, EXITED, OTHER_COUNTY, TOWNSHIP
from tests.registry.stories import (
    HOUSEHOLD_ID,
    household_registered,
    note,
)
from tests.registry.watch_steps import (
    LATE,
    NEVER_IN,
    dismiss,
    given,
    objected,
    review,
    start,
    tell,
)
from tests.registry.watching import (
    APPRAISED,
    CHECKED,
    IN_THE_VILLAGE,
    OF,
    POSTED,
    REVIEWED,
    SHOWN,
    VISITED,
    WARNED,
    WATCHED,
    appraise,
    appraised,
    at,
    check,
    checked,
    monitored,
    opened,
    posted,
    raise_warning,
    raised,
    reviewed,
    visit,
    visited,
)
from tuopin.registry.v1 import monitoring_pb2 as watch
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import Note

# The warning


def test_a_warning_asks_for_a_visit_within_its_days() -> None:
    given(*EXITED).when(raise_warning(), by=COMMITTEE, at=LATE).then(raised())


def test_the_platform_alone_speaks_for_itself() -> None:
    (
        given(*EXITED)
        .when(raise_warning(finder=watch.WARNING_FINDER_PLATFORM), at=LATE)
        .then_rejected("warning-by-platform-only")
    )


def test_a_household_of_the_register_needs_no_warning() -> None:
    (
        given(household_registered())
        .when(raise_warning(), at=LATE)
        .then_rejected("household-in-register")
    )


@pytest.mark.parametrize("story", [WARNED, CHECKED, REVIEWED])
def test_one_warning_at_a_time(story: tuple[Message, ...]) -> None:
    given(*story).when(raise_warning(), at=LATE).then_rejected("warning-already-raised")


def test_who_is_watched_is_not_warned_of() -> None:
    given(*WATCHED).when(raise_warning(), at=LATE).then_rejected("household-already-monitored")


@pytest.mark.parametrize(
    ("story", "fitting", "other"),
    [
        (
            EXITED,
            watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
            watch.MONITORING_CLASS_MARGINAL,
        ),
        (
            NEVER_IN,
            watch.MONITORING_CLASS_MARGINAL,
            watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
        ),
    ],
)
def test_the_class_fits_the_household(story: tuple[Message, ...], fitting: int, other: int) -> None:
    rejected = given(*story).when(raise_warning(monitoring_class=other), at=LATE)
    rejected.then_rejected("monitoring-class-not-fitting")
    for each in (fitting, watch.MONITORING_CLASS_SUDDEN_SEVERE):
        accepted = given(*story).when(raise_warning(monitoring_class=each), at=LATE)
        accepted.then_event(watch.WarningRaised, monitoring_class=each)


# The path


def test_the_home_visit_starts_the_clock_of_the_check() -> None:
    given(*WARNED).when(visit(), at=LATE).then(visited())


def test_a_visit_brings_evidence_of_this_household() -> None:
    given(*WARNED).when(visit(evidence=[]), at=LATE).then_rejected("exit-evidence-missing")
    (
        given(*WARNED)
        .when(visit(evidence=[note("other")]), at=LATE)
        .then_rejected("evidence-of-other-household")
    )


def test_the_warning_is_checked_against_other_data() -> None:
    given(*VISITED).when(check(), by=TOWNSHIP, at=LATE).then(checked())


def test_a_source_of_data_is_listed() -> None:
    (
        given(*VISITED)
        .when(check(sources=["rumour"]), by=TOWNSHIP, at=LATE)
        .then_rejected("monitoring-source-not-listed")
    )


def test_a_household_over_the_line_is_no_case() -> None:
    over = given(*VISITED).when(check(income_per_head_fen=600_000), by=TOWNSHIP, at=LATE)
    over.then_event(watch.WarningDismissed, reason=watch.WARNING_DISMISSAL_NOT_CONFIRMED)


def test_the_village_appraises() -> None:
    given(*CHECKED).when(appraise(), by=COMMITTEE, at=LATE).then(appraised())


def test_a_meeting_of_too_few_decides_nothing() -> None:
    few = appraise(votes_for=3, votes_against=0)
    given(*CHECKED).when(few, by=COMMITTEE, at=LATE).then_rejected("exit-appraisal-below-quorum")


def test_a_meeting_against_it_ends_the_path() -> None:
    against = given(*CHECKED).when(appraise(votes_for=1, votes_against=9), by=COMMITTEE, at=LATE)
    against.then_event(watch.WarningDismissed, reason=watch.WARNING_DISMISSAL_APPRAISAL_AGAINST)


def test_it_is_posted_for_its_whole_time() -> None:
    command = watch.PostMonitoring(**OF)
    given(*APPRAISED).when(command, by=COMMITTEE, at=POSTED).then(opened(), posted())


def test_the_township_waits_for_the_end_of_the_posting() -> None:
    early = POSTED + timedelta(days=4)
    (given(*IN_THE_VILLAGE).when(review(), by=TOWNSHIP, at=early).then_rejected("posting-not-over"))
    given(*SHOWN).when(review(), by=TOWNSHIP, at=at("2020-05-20")).then(reviewed())


@pytest.mark.parametrize("command", [review(), dismiss()])
def test_an_open_objection_stops_every_step(command: Message) -> None:
    given(*objected()).when(command, by=TOWNSHIP, at=LATE).then_rejected("objection-open")


def test_an_upheld_objection_is_why_it_is_dismissed() -> None:
    story = objected()
    uphold = posting.UpholdObjection(
        **OF,
        objection_id=story[-1].objection_id,  # type: ignore[attr-defined]
        finding=Note(text="属实", household_id=HOUSEHOLD_ID),
    )
    upheld = given(*story).when(uphold, by=OTHER_COUNTY, at=POSTED + timedelta(days=2)).events
    (
        given(*story, *upheld)
        .when(dismiss(), by=TOWNSHIP, at=LATE)
        .then_event(watch.WarningDismissed, reason=watch.WARNING_DISMISSAL_OBJECTION_UPHELD)
    )


def test_the_township_can_refuse() -> None:
    refused = given(*SHOWN).when(review(approved=False), by=TOWNSHIP, at=LATE)
    refused.then_event(watch.WarningDismissed, reason=watch.WARNING_DISMISSAL_TOWNSHIP_REFUSED)


def test_the_county_watches_with_measures() -> None:
    given(*REVIEWED).when(start(), by=COUNTY, at=at("2020-05-22")).then(monitored())


def test_nobody_is_watched_without_help() -> None:
    command = watch.StartMonitoring(**OF)
    (given(*REVIEWED).when(command, by=COUNTY, at=LATE).then_rejected("monitored-without-measures"))


def test_a_measure_is_of_the_catalogue() -> None:
    (
        given(*REVIEWED)
        .when(start("a-medal"), by=COUNTY, at=LATE)
        .then_rejected("measure-not-in-catalogue")
    )


def test_the_county_refuses_with_a_reason() -> None:
    refused = given(*REVIEWED).when(dismiss(), by=COUNTY, at=LATE)
    refused.then_event(watch.WarningDismissed, reason=watch.WARNING_DISMISSAL_COUNTY_REFUSED)


def test_a_warning_is_not_dismissed_unseen() -> None:
    given(*WARNED).when(dismiss(), by=TOWNSHIP, at=LATE).then_rejected("warning-not-visited")
    given(*EXITED).when(dismiss(), by=TOWNSHIP, at=LATE).then_rejected("warning-not-raised")


STEPS: list[tuple[Message, Actor, str]] = [
    (visit(effective_on="2020-06-01"), COMMITTEE, "warning-not-raised"),
    (check(effective_on="2020-06-01"), TOWNSHIP, "warning-not-visited"),
    (appraise(effective_on="2020-06-01"), COMMITTEE, "warning-not-checked"),
    (watch.PostMonitoring(**OF), COMMITTEE, "warning-not-appraised"),
    (review(), TOWNSHIP, "warning-not-posted"),
    (start(), COUNTY, "warning-not-reviewed-by-township"),
]
STORIES = [WARNED, VISITED, CHECKED, APPRAISED, SHOWN, REVIEWED]


@pytest.mark.parametrize("taken", range(6))
def test_each_step_waits_for_the_one_before_and_is_taken_once(taken: int) -> None:
    for command, actor, slug in STEPS[taken + 1 :]:
        given(*STORIES[taken]).when(command, by=actor, at=LATE).then_rejected(slug)
    for command, actor, _ in STEPS[:taken]:
        result = given(*STORIES[taken]).when(command, by=actor, at=LATE)
        result.then_rejected("warning-step-already-taken")
    for command, actor, _ in STEPS:
        given(*EXITED).when(command, by=actor, at=LATE).then_rejected("warning-not-raised")


@pytest.mark.parametrize(
    ("story", "command"),
    [
        (WARNED, visit(effective_on="2020-04-30")),
        (VISITED, check(effective_on="2020-05-02")),
        (CHECKED, appraise(effective_on="2020-05-06")),
        (REVIEWED, dismiss(effective_on="2020-05-19")),
        (WATCHED, tell("2020-05-21")),
    ],
)
def test_the_steps_keep_their_order_in_dates(story: tuple[Message, ...], command: Message) -> None:
    result = given(*story).when(command, by=TOWNSHIP if story != CHECKED else COMMITTEE, at=LATE)
    result.then_rejected("warning-step-before-the-last")


@pytest.mark.parametrize(
    ("story", "command", "actor"),
    [
        (CHECKED, appraise(), TOWNSHIP),
        (SHOWN, review(), COMMITTEE),
        (REVIEWED, start(), TOWNSHIP),
    ],
)
def test_nobody_reviews_at_two_levels(
    story: tuple[Message, ...], command: Message, actor: Actor
) -> None:
    given(*story).when(command, by=actor, at=LATE).then_rejected("reviewer-at-two-levels")
