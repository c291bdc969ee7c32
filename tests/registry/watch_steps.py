"""The commands of monitoring, and where the rules' tests give them."""

from datetime import timedelta
from typing import Any

from google.protobuf.message import Message

from services.registry.decider.household import HOUSEHOLD
from tests.given import FixedParameters, Given
from tests.registry.files import PROGRAMME
from tests.registry.leaving import COMMITTEE
from tests.registry.stories import (
    HOUSEHOLD_ID,
    household_registered,
)
from tests.registry.watching import (
    IN_THE_VILLAGE,
    OF,
    POSTED,
    WARNING,
    WHERE,
    at,
    opened,
)
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


def objected() -> tuple[Message, ...]:
    command = posting.RaiseObjection(
        **OF,
        channel=posting.OBJECTION_CHANNEL_PHONE,
        statement=Note(text="收入不低", household_id=HOUSEHOLD_ID),
        anonymous=True,
    )
    done = given(*IN_THE_VILLAGE).when(command, by=COMMITTEE, at=POSTED + timedelta(days=1))
    return (*IN_THE_VILLAGE, *done.events)
