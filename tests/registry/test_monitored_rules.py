"""What the clocks of monitoring do, and how a watch ends."""

from datetime import timedelta

import pytest
from google.protobuf.message import Message

from tests.registry.leaving import COUNTY, OTHER_COUNTY, TOWNSHIP
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    child,
    household_registered,
    member,
    person_erased,
)
from tests.registry.watch_steps import (
    GUARANTEES,
    LATE,
    clear,
    cover,
    given,
    objected,
    run_out,
    tell,
)
from tests.registry.watching import (
    APPRAISED,
    CHECKED,
    OF,
    REVIEWED,
    SHOWN,
    STEADY,
    VISITED,
    WARNED,
    WATCHED,
    at,
    income_recorded,
    visit,
    visited,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import monitoring_pb2 as watch

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
