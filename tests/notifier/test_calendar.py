"""Working days, quiet hours and the digest's hour, by the calendar that is shipped."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.decider import PROGRAMME_ZONE
from services.notifier.decider.calendar import Calendar
from tests.notifier.policies import ROOT, TABLES, tables

SHIPPED = Calendar(TABLES["calendar"], TABLES["hours"])
DEMO = Calendar(*(tables(ROOT / "programme" / "demo")[name] for name in ("calendar", "hours")))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PROGRAMME_ZONE)


def shown(moment: datetime) -> str:
    assert moment.tzinfo is UTC
    return moment.astimezone(PROGRAMME_ZONE).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2025-01-26", True),  # a Sunday that is worked for the Spring Festival
        ("2025-01-27", True),
        ("2025-01-28", False),
        ("2025-02-04", False),
        ("2025-02-08", True),
        ("2025-10-08", False),
        ("2025-10-11", True),
        ("2026-01-04", True),
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-05-09", True),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),
        ("2026-10-11", False),  # a Sunday like any other
        ("2031-03-03", True),  # a year without notice has its weekends
        ("2031-03-02", False),
    ],
)
def test_which_days_are_worked(day: str, works: bool) -> None:
    assert SHIPPED.works(date.fromisoformat(day)) is works


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_days_worked_instead_are_weekends_and_the_source_is_named(year: str) -> None:
    stated = TABLES["calendar"]["years"][year]
    assert "国务院办公厅" in stated["source"]
    assert all(day.isoweekday() >= 6 for day in stated["workdays"])
    days = [each["to"] - each["from"] + timedelta(days=1) for each in stated["holidays"]]
    assert all(timedelta(days=1) <= each <= timedelta(days=9) for each in days)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T09:00", 24, "2026-03-03 09:00"),
        ("2026-03-06T09:00", 24, "2026-03-09 09:00"),  # over a weekend
        ("2026-03-07T12:00", 1, "2026-03-09 01:00"),  # from a Saturday on
        ("2026-02-13T12:00", 36, "2026-02-15 00:00"),  # Saturday 14th is worked
        ("2026-02-14T12:00", 13, "2026-02-24 01:00"),  # over the whole Spring Festival
    ],
)
def test_a_clock_of_working_days_stands_still_on_the_others(
    start: str, hours: int, end: str
) -> None:
    delay = timedelta(hours=hours)
    assert shown(SHIPPED.later(at(start), delay, working_days=True)) == end
    assert SHIPPED.later(at(start), delay, working_days=False) == at(start) + delay


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-03-02T07:29", "2026-03-02 07:30"),
        ("2026-03-02T07:30", "2026-03-02 07:30"),
        ("2026-03-02T20:59", "2026-03-02 20:59"),
        ("2026-03-02T21:00", "2026-03-03 07:30"),
        ("2026-03-06T22:00", "2026-03-09 07:30"),  # Friday night
        ("2026-02-15T10:00", "2026-02-24 07:30"),
    ],
)
def test_quiet_hours_end_in_the_morning_of_a_working_day(moment: str, end: str) -> None:
    assert shown(SHIPPED.awake(at(moment))) == end


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        ("2026-03-02T07:59", "2026-03-02 08:00"),
        ("2026-03-02T08:00", "2026-03-03 08:00"),
        ("2026-03-06T09:00", "2026-03-09 08:00"),
    ],
)
def test_the_digest_comes_on_the_next_working_morning(moment: str, hour: str) -> None:
    assert shown(SHIPPED.next_digest(at(moment))) == hour


def test_in_a_demo_nobody_sleeps() -> None:
    night = at("2026-02-15T03:00")
    assert DEMO.awake(night) == night
    assert DEMO.works(night.date())
