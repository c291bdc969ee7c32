"""Monitoring against relapse, rule by rule: the clocked path, the watch, clearance."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor
from services.registry.decider.household import HOUSEHOLD
from tests.given import FixedParameters, Given
from tests.registry.files import PROGRAMME
from tests.registry.leaving import COMMITTEE, COUNTY, EXITED, OTHER_COUNTY, TOWNSHIP
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    child,
    household_registered,
    member,
    note,
    person_erased,
)
from tests.registry.watching import (
    APPRAISED,
    CHECKED,
    IN_THE_VILLAGE,
    OF,
    POSTED,
    REVIEWED,
    SHOWN,
    STEADY,
    VISITED,
    WARNED,
    WARNING,
    WATCHED,
    WHERE,
    appraise,
    appraised,
    at,
    check,
    checked,
    income_recorded,
    monitored,
    opened,
    posted,
    raise_warning,
    raised,
    reviewed,
    visit,
    visited,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import monitoring_pb2 as watch
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import Note

NUMBERS = {
    "poverty-line-fen": 400_000,
    "monitoring-line-percent": 150,
    "monitoring-visit-days": 3,
    "monitoring-check-days": 5,
    "monitoring-appraisal-days": 5,
    "monitoring-posting-days": 5,
    "monitoring-township-days": 5,
    "monitoring-county-days": 5,
    "monitoring-steady-months": 6,
    "monitoring-income-gap-days": 45,
    "exit-appraisal-quorum": 5,
}
TABLES = {name: PROGRAMME.table(name) for name in ("monitoring", "measures", "screening")}
given = Given(HOUSEHOLD, FixedParameters(NUMBERS, TABLES))
LATE = at("2021-06-01")
GUARANTEES = list(TABLES["monitoring"]["guarantees"])
REMOVED = (household_registered(), opened())
NEVER_IN = (
    household_registered(),
    posting.PostingOpened(**WHERE, status=pb.HOUSEHOLD_STATUS_REJECTED),
)


def review(approved: bool = True) -> watch.ReviewMonitoringAtTownship:
    return watch.ReviewMonitoringAtTownship(**OF, approved=approved, note="属实")


def start(*measures: str) -> watch.StartMonitoring:
    return watch.StartMonitoring(**OF, measures=measures or ["public-work-post"])


def dismiss(**changes: Any) -> watch.DismissWarning:
    fields = {"note": "情况不属实", "effective_on": "2020-06-01"}
    return watch.DismissWarning(**OF, **{**fields, **changes})


def run_out(step: int, due_on: str) -> watch.RunOutMonitoringClock:
    return watch.RunOutMonitoringClock(
        **OF,
        warning_id=WARNING["warning_id"],
        step=watch.MonitoringStep.Name(step),  # type: ignore[arg-type]
        due_on=due_on,
    )


def tell(on: str, income: int = 650_000) -> watch.RecordMonitoredIncome:
    return watch.RecordMonitoredIncome(**OF, income_per_head_fen=income, effective_on=on)


def clear(**changes: Any) -> watch.ClearMonitoring:
    fields: dict[str, Any] = {"guarantees": GUARANTEES, "effective_on": "2020-12-20"}
    return watch.ClearMonitoring(**OF, **{**fields, **changes})


def cover() -> watch.CoverHousehold:
    return watch.CoverHousehold(**OF, measures=["subsistence-support"], effective_on="2020-12-20")


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


def objected() -> tuple[Message, ...]:
    command = posting.RaiseObjection(
        **OF,
        channel=posting.OBJECTION_CHANNEL_PHONE,
        statement=Note(text="收入不低", household_id=HOUSEHOLD_ID),
        anonymous=True,
    )
    done = given(*IN_THE_VILLAGE).when(command, by=COMMITTEE, at=POSTED + timedelta(days=1))
    return (*IN_THE_VILLAGE, *done.events)


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


# Clocks

CLOCKS = [
    (WARNED, watch.MONITORING_STEP_VISIT, "2020-05-04", "433124110"),
    (VISITED, watch.MONITORING_STEP_CHECK, "2020-05-08", "433124"),
    (CHECKED, watch.MONITORING_STEP_APPRAISAL, "2020-05-12", "433124110"),
    (APPRAISED, watch.MONITORING_STEP_APPRAISAL, "2020-05-12", "433124110"),
    (SHOWN, watch.MONITORING_STEP_TOWNSHIP, "2020-05-23", "433124"),
    (REVIEWED, watch.MONITORING_STEP_COUNTY, "2020-05-25", "4331"),
]


@pytest.mark.parametrize(("story", "step", "due_on", "told"), CLOCKS)
def test_a_clock_that_runs_out_tells_the_next_level_once(
    story: tuple[Message, ...], step: int, due_on: str, told: str
) -> None:
    on_the_day = at(due_on)
    given(*story).when(run_out(step, due_on), at=on_the_day).then_rejected(
        "monitoring-clock-running", until=due_on
    )
    late = given(*story).when(run_out(step, due_on), at=on_the_day + timedelta(days=1))
    late.then_event(watch.MonitoringClockRanOut, told_region_id=told, due_on=due_on)
    given(*story, *late.events).when(run_out(step, due_on), at=LATE).then_nothing()


def test_a_clock_of_a_step_that_was_taken_says_nothing() -> None:
    given(*VISITED).when(run_out(1, "2020-05-04"), at=LATE).then_nothing()
    given(*WATCHED).when(run_out(5, "2020-05-25"), at=LATE).then_nothing()


def test_a_late_step_can_still_be_taken() -> None:
    late = given(*WARNED).when(run_out(1, "2020-05-04"), at=LATE).events
    given(*WARNED, *late).when(visit(), at=LATE).then(visited())


def test_a_posting_that_started_again_gives_the_township_its_time() -> None:
    story = objected()
    moved = given(*story).when(run_out(4, "2020-05-23"), at=at("2020-05-24"))
    moved.then_event(watch.MonitoringClockMoved, due_on="2020-05-29")
    again = given(*story, *moved.events).when(run_out(4, "2020-05-23"), at=at("2020-06-10"))
    again.then_nothing()


# The watch


def test_income_over_the_line_is_steady_since_it_was_first_told() -> None:
    first = given(*WATCHED).when(tell("2020-06-10"), by=TOWNSHIP, at=LATE)
    first.then(income_recorded("2020-06-10", 650_000, "2020-06-10"))
    second = given(*WATCHED, *first.events).when(tell("2020-07-10"), by=TOWNSHIP, at=LATE)
    second.then(income_recorded("2020-07-10", 650_000, "2020-06-10"))


def test_a_fall_below_the_line_breaks_what_was_steady() -> None:
    low = given(*WATCHED, *STEADY).when(tell("2020-12-20", 599_999), at=LATE)
    low.then_event(watch.MonitoredIncomeRecorded, steady_since="")


def test_silence_breaks_it_too() -> None:
    late = given(*WATCHED, *STEADY).when(tell("2021-02-10"), at=LATE)
    late.then_event(watch.MonitoredIncomeRecorded, steady_since="2021-02-10")


def test_a_household_is_cleared_after_steady_months_with_every_guarantee() -> None:
    cleared = given(*WATCHED, *STEADY).when(clear(), by=COUNTY, at=LATE)
    cleared.then_event(watch.MonitoringCleared, steady_since="2020-06-10", guarantees=GUARANTEES)


@pytest.mark.parametrize(
    ("incomes", "on"), [(STEADY[:6], "2020-12-09"), (STEADY, "2021-02-10"), ((), "2020-12-20")]
)
def test_a_household_is_not_cleared_before(incomes: tuple[Message, ...], on: str) -> None:
    (
        given(*WATCHED, *incomes)
        .when(clear(effective_on=on), by=COUNTY, at=LATE)
        .then_rejected("monitored-income-not-steady", months=6)
    )


@pytest.mark.parametrize("missing", GUARANTEES)
def test_every_guarantee_is_kept(missing: str) -> None:
    kept = [each for each in GUARANTEES if each != missing]
    (
        given(*WATCHED, *STEADY)
        .when(clear(guarantees=kept), by=COUNTY, at=LATE)
        .then_rejected("guarantee-not-kept", missing=missing)
    )


def without_labour() -> tuple[Message, ...]:
    people = [member(person_id=HEAD_ID, labour=pb.LABOUR_LOST), child(person_id=CHILD_ID)]
    return (household_registered(members=people), *WATCHED[1:], *STEADY)


@pytest.mark.parametrize("story", [without_labour(), (*WATCHED, *STEADY, person_erased())])
def test_a_household_without_labour_is_never_cleared_only_covered(
    story: tuple[Message, ...],
) -> None:
    cleared = given(*story).when(clear(), by=COUNTY, at=LATE)
    cleared.then_rejected("household-without-labour-not-cleared")
    covered = given(*story).when(cover(), by=COUNTY, at=LATE)
    covered.then_event(watch.HouseholdCovered, measures=["subsistence-support"])
    again = given(*story, *covered.events).when(clear(), by=COUNTY, at=LATE)
    again.then_rejected("household-not-under-watch")


def test_who_can_work_is_not_covered() -> None:
    (
        given(*WATCHED)
        .when(cover(), by=COUNTY, at=LATE)
        .then_rejected("household-with-labour-not-covered")
    )


@pytest.mark.parametrize("command", [tell("2020-06-10"), clear(), cover()])
def test_only_who_is_watched_can_be_cleared_or_covered(command: Message) -> None:
    given(*REVIEWED).when(command, by=COUNTY, at=LATE).then_rejected("household-not-under-watch")


# Back in the register


def test_a_watched_household_that_fell_back_is_registered_again() -> None:
    command = exits.ReinstateHousehold(**OF, finding="因病返贫", effective_on="2020-06-01")
    back = given(*WATCHED).when(command, by=OTHER_COUNTY, at=LATE)
    back.then_event(exits.HouseholdReinstated, reason=exits.REINSTATEMENT_RELAPSE)
    back.then_event(watch.WarningDismissed, reason=watch.WARNING_DISMISSAL_REINSTATED)
    state = given(*WATCHED, *back.events).state()
    assert state.status == pb.HOUSEHOLD_STATUS_RELAPSED


def test_only_out_of_the_watch() -> None:
    command = exits.ReinstateHousehold(**OF, finding="因病返贫", effective_on="2020-06-01")
    given(*REVIEWED).when(command, by=OTHER_COUNTY, at=LATE).then_rejected(
        "household-not-monitored"
    )
