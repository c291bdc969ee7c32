"""The rules of training sessions, as sentences."""

from datetime import date
from typing import Any

import pytest

from services.training.decider.session import DECIDER, months_later
from tests.given import NOW, FixedParameters, Given, new_id
from tuopin.training.v1.cadre_pb2 import (
    CompleteTraining,
    ScheduleSession,
    SessionScheduled,
    TrainingCompleted,
)

COURSES = {"household-files": {"hours": 8, "valid_months": 24}, "funds": {"hours": 4}}
given = Given(DECIDER, FixedParameters(tables={"courses": COURSES}))
TODAY = "2020-03-02"
COLUMNS: dict[str, Any] = {
    "session_id": "s-1",
    "region_id": "433124",
    "course": "household-files",
    "hours": 8,
    "places": 2,
    "held_on": TODAY,
}


def schedule(**fields: Any) -> ScheduleSession:
    return ScheduleSession(**{**COLUMNS, **fields})


def scheduled(**fields: Any) -> SessionScheduled:
    return SessionScheduled(**{**COLUMNS, **fields})


def complete(cadre_id: str = "cadre-wu") -> CompleteTraining:
    return CompleteTraining(session_id="s-1", cadre_id=cadre_id)


def completed(cadre_id: str = "cadre-wu") -> TrainingCompleted:
    return TrainingCompleted(
        session_id="s-1",
        cadre_id=cadre_id,
        region_id="433124",
        course="household-files",
        hours=8,
        certificate_id=new_id("certificate"),
        valid_until="2022-03-02",
        effective_on=TODAY,
    )


def test_a_session_is_scheduled() -> None:
    given().when(schedule()).then(scheduled())


def test_the_same_session_again_has_no_effect_even_when_held() -> None:
    given(scheduled()).when(schedule()).then_nothing()
    given(scheduled(), completed()).when(schedule()).then_nothing()


def test_a_session_is_not_scheduled_otherwise_under_its_id() -> None:
    given(scheduled()).when(schedule(places=3)).then_rejected("session-already-scheduled")


def test_a_course_is_one_of_the_catalogue() -> None:
    (
        given()
        .when(schedule(course="cooking"))
        .then_rejected("course-not-known", courses="funds, household-files")
    )


def test_a_session_is_not_shorter_than_its_course() -> None:
    given().when(schedule(hours=7)).then_rejected("session-too-short", fewest=8)
    given().when(schedule(hours=9)).then(scheduled(hours=9))


def test_who_completes_a_session_gets_a_certificate_as_long_as_the_course_says() -> None:
    given(scheduled()).when(complete()).then(completed())


def test_a_cadre_completes_a_session_once() -> None:
    given(scheduled(), completed()).when(complete()).then_nothing()


def test_places_are_kept_to() -> None:
    (
        given(scheduled(), completed("cadre-wu"))
        .when(complete("cadre-long"))
        .then_event(TrainingCompleted, cadre_id="cadre-long")
    )
    (
        given(scheduled(), completed("cadre-wu"), completed("cadre-long"))
        .when(complete("cadre-tan"))
        .then_rejected("session-full", places=2)
    )


def test_nobody_completes_what_was_not_held() -> None:
    given().when(complete()).then_rejected("session-not-known")
    (
        given(scheduled(held_on="2020-03-03"))
        .when(complete(), at=NOW)
        .then_rejected("session-not-held-yet", held_on="2020-03-03")
    )


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2020-03-02", 24, "2022-03-02"),
        ("2020-02-29", 12, "2021-02-28"),
        ("2020-12-31", 2, "2021-02-28"),
        ("2020-01-31", 12, "2021-01-31"),
    ],
)
def test_a_certificate_ends_on_the_day_or_the_last_of_the_month(
    day: str, months: int, later: str
) -> None:
    assert months_later(date.fromisoformat(day), months).isoformat() == later
