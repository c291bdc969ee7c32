"""The path from a warning to the watch that the registry's tests tell of."""

from datetime import UTC, datetime
from typing import Any

from chassis.decider import Actor
from tests.given import new_id
from tests.registry.leaving import COMMITTEE, COUNTY, EXITED, TOWNSHIP, posting_opened, us
from tests.registry.stories import HOUSEHOLD_ID, VILLAGE, note
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import monitoring_pb2 as watch
from tuopin.registry.v1 import posting_pb2 as posting

OF = {"household_id": HOUSEHOLD_ID}
WHERE = {**OF, "village_id": VILLAGE}
WARNING = {**WHERE, "warning_id": new_id("warning")}
POSTED = datetime(2020, 5, 13, 1, tzinfo=UTC)
CLOSED = datetime(2020, 5, 18, 1, tzinfo=UTC)
OTHER_TOWNSHIP = Actor("he-township", roles={"township-office": ("433124110",)})


def at(day: str) -> datetime:
    """Morning of that day in the programme's zone."""
    return datetime.fromisoformat(f"{day}T02:00:00+00:00")


def raise_warning(**changes: Any) -> watch.RaiseWarning:
    fields: dict[str, Any] = {
        "finder": watch.WARNING_FINDER_CADRE,
        "monitoring_class": watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
        "note": "务工收入下降",
        "effective_on": "2020-05-01",
    }
    return watch.RaiseWarning(**OF, **{**fields, **changes})


def raised(**changes: Any) -> watch.WarningRaised:
    fields: dict[str, Any] = {
        "finder": watch.WARNING_FINDER_CADRE,
        "monitoring_class": watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
        "note": "务工收入下降",
        "effective_on": "2020-05-01",
        "visit_due_on": "2020-05-04",
        "raised_by": COMMITTEE.subject,
    }
    return watch.WarningRaised(**WARNING, **{**fields, **changes})


def visit(**changes: Any) -> watch.RecordWarningVisit:
    fields: dict[str, Any] = {
        "assignment_id": "assignment-2",
        "cadre_id": "cadre-1",
        "evidence": [note()],
        "effective_on": "2020-05-03",
    }
    return watch.RecordWarningVisit(**OF, **{**fields, **changes})


def visited() -> watch.WarningVisited:
    return watch.WarningVisited(
        **WARNING,
        assignment_id="assignment-2",
        cadre_id="cadre-1",
        evidence=[note()],
        effective_on="2020-05-03",
        check_due_on="2020-05-08",
    )


def check(**changes: Any) -> watch.CheckWarning:
    fields: dict[str, Any] = {
        "sources": ["tax", "medical-insurance"],
        "income_per_head_fen": 550_000,
        "effective_on": "2020-05-07",
    }
    return watch.CheckWarning(**OF, **{**fields, **changes})


def checked(**changes: Any) -> watch.WarningChecked:
    fields: dict[str, Any] = {
        "sources": ["tax", "medical-insurance"],
        "income_per_head_fen": 550_000,
        "monitoring_line_fen": 600_000,
        "effective_on": "2020-05-07",
        "appraisal_due_on": "2020-05-12",
        "checked_by": TOWNSHIP.subject,
    }
    return watch.WarningChecked(**WARNING, **{**fields, **changes})


def meeting(**changes: Any) -> dict[str, Any]:
    fields = {"minutes": "会议记录", "votes_for": 9, "votes_against": 1, "abstentions": 0}
    return {**fields, "effective_on": "2020-05-11", **changes}


def appraise(**changes: Any) -> watch.AppraiseWarning:
    return watch.AppraiseWarning(**OF, **meeting(**changes))


def appraised(**changes: Any) -> watch.WarningAppraised:
    return watch.WarningAppraised(**WARNING, **meeting(**changes), appraised_by=COMMITTEE.subject)


def opened() -> posting.PostingOpened:
    return posting_opened(
        purpose=posting.POSTING_PURPOSE_MONITORING,
        days=5,
        opened_at_us=us(POSTED),
        closes_at_us=us(CLOSED),
        effective_on="2020-05-13",
        status=pb.HOUSEHOLD_STATUS_EXITED,
        status_if_upheld=pb.HOUSEHOLD_STATUS_EXITED,
    )


def posted() -> watch.MonitoringPosted:
    return watch.MonitoringPosted(
        **WARNING,
        posting_id=new_id("posting"),
        effective_on="2020-05-13",
        township_due_on="2020-05-23",
        posted_by=COMMITTEE.subject,
    )


def closed() -> posting.PostingClosed:
    return posting.PostingClosed(
        **WHERE,
        posting_id=new_id("posting"),
        purpose=posting.POSTING_PURPOSE_MONITORING,
        closed_at_us=us(CLOSED),
        effective_on="2020-05-18",
    )


def reviewed() -> watch.MonitoringReviewedAtTownship:
    return watch.MonitoringReviewedAtTownship(
        **WARNING,
        note="属实",
        effective_on="2020-05-20",
        county_due_on="2020-05-25",
        reviewed_by=TOWNSHIP.subject,
    )


def monitored() -> watch.HouseholdMonitored:
    return watch.HouseholdMonitored(
        **WARNING,
        monitoring_class=watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
        measures=["public-work-post"],
        effective_on="2020-05-22",
        decided_by=COUNTY.subject,
        member_count=2,
    )


def income_recorded(on: str, income: int, since: str) -> watch.MonitoredIncomeRecorded:
    return watch.MonitoredIncomeRecorded(
        **WARNING,
        income_per_head_fen=income,
        monitoring_line_fen=600_000,
        effective_on=on,
        recorded_by=TOWNSHIP.subject,
        steady_since=since,
    )


STEADY = tuple(
    income_recorded(on, 650_000, "2020-06-10")
    for on in (
        *("2020-06-10", "2020-07-10", "2020-08-10", "2020-09-10", "2020-10-10", "2020-11-10"),
        "2020-12-10",
    )
)
WARNED = (*EXITED, raised())
VISITED = (*WARNED, visited())
CHECKED = (*VISITED, checked())
APPRAISED = (*CHECKED, appraised())
IN_THE_VILLAGE = (*APPRAISED, opened(), posted())
SHOWN = (*IN_THE_VILLAGE, closed())
REVIEWED = (*SHOWN, reviewed())
WATCHED = (*REVIEWED, monitored())
