"""The answer to: which households are watched against relapse, how far is each, who is late?"""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    select,
)

from chassis.paging import below, page
from chassis.rejection import reject
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import monitoring_pb2 as pb
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

METADATA = MetaData()

MONITORING = Table(
    "monitoring",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("village_id", String(12)),
    Column("warning_id", String(60)),
    Column("monitoring_class", Integer),
    Column("stage", Integer),
    Column("finder", Integer),
    Column("raised_on", String(10)),
    # Last day of the next step; "" when no clock runs.
    Column("due_on", String(10)),
    # A clock ran out, and the step is still not taken.
    Column("overdue", Boolean),
    # A JSON list of codes.
    Column("measures", Text),
    Column("income_per_head_fen", BigInteger),
    Column("monitoring_line_fen", BigInteger),
    Index("monitoring_by_village", "village_id", "household_id"),
)
# How far the event leads, and the field with the last day of the next step.
_STAGES: Mapping[type[Message], tuple[int, str]] = {
    pb.WarningVisited: (pb.MONITORING_STAGE_VISITED, "check_due_on"),
    pb.WarningChecked: (pb.MONITORING_STAGE_CHECKED, "appraisal_due_on"),
    pb.MonitoringPosted: (pb.MONITORING_STAGE_POSTED, "township_due_on"),
    pb.MonitoringReviewedAtTownship: (pb.MONITORING_STAGE_TOWNSHIP_REVIEWED, "county_due_on"),
    pb.HouseholdMonitored: (pb.MONITORING_STAGE_MONITORED, ""),
    pb.MonitoringCleared: (pb.MONITORING_STAGE_CLEARED, ""),
    pb.HouseholdCovered: (pb.MONITORING_STAGE_COVERED, ""),
    pb.WarningDismissed: (pb.MONITORING_STAGE_DISMISSED, ""),
}
EVENTS: tuple[type[Message], ...] = (
    pb.WarningRaised,
    *_STAGES,
    pb.WarningAppraised,
    pb.MonitoredIncomeRecorded,
    pb.MonitoringClockMoved,
    pb.MonitoringClockRanOut,
    HouseholdRezoned,
)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One row per household: its latest warning and what became of it."""
    changed: dict[str, Any] = {}
    stage = _STAGES.get(type(event))
    if stage is not None:
        due_on = getattr(event, stage[1]) if stage[1] else ""
        changed = {"stage": stage[0], "due_on": due_on, "overdue": False}
    match event:
        case pb.WarningRaised():
            changed = {
                "village_id": event.village_id,
                "warning_id": event.warning_id,
                "monitoring_class": event.monitoring_class,
                "stage": pb.MONITORING_STAGE_WARNED,
                "finder": event.finder,
                "raised_on": event.effective_on,
                "due_on": event.visit_due_on,
                "overdue": False,
                "measures": "[]",
                "income_per_head_fen": 0,
                "monitoring_line_fen": 0,
            }
        case pb.WarningAppraised():
            # The clock is for the appraisal and the posting together.
            changed = {"stage": pb.MONITORING_STAGE_APPRAISED}
        case pb.WarningChecked() | pb.MonitoredIncomeRecorded():
            changed["income_per_head_fen"] = event.income_per_head_fen
            changed["monitoring_line_fen"] = event.monitoring_line_fen
        case pb.HouseholdMonitored() | pb.HouseholdCovered():
            changed["measures"] = json.dumps(list(event.measures))
        case pb.MonitoringClockMoved():
            changed = {"due_on": event.due_on}
        case pb.MonitoringClockRanOut():
            changed = {"overdue": True}
        case HouseholdRezoned():
            # Of a household that was never warned of the row says nothing else.
            changed = {"village_id": event.village_id}
    rows.put(MONITORING, (event.household_id,), **changed)


VIEW = View(
    name="monitoring",
    tables=(MONITORING,),
    topics=("household",),
    project=project,
    events=EVENTS,
)


def list_monitoring(connection: Connection, query: pb.ListMonitoring) -> pb.MonitoringPage:
    """The households below a region, village by village."""
    columns = MONITORING.c
    warned = columns.warning_id.is_not(None)
    wanted = select(MONITORING).where(below(columns.village_id, query.region_id), warned)
    if query.stage:
        wanted = wanted.where(columns.stage == query.stage)
    if query.monitoring_class:
        wanted = wanted.where(columns.monitoring_class == query.monitoring_class)
    if query.overdue:
        wanted = wanted.where(columns.overdue.is_(True))
    key = (columns.village_id, columns.household_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return pb.MonitoringPage(
        households=map(_row_of, found.rows),
        next_page_token=found.next_page_token,
        total=found.total,
    )


def get_monitoring(connection: Connection, household_id: str) -> pb.MonitoringRow:
    """One household's latest warning; rejects when there never was one."""
    columns = MONITORING.c
    wanted = select(MONITORING).where(
        columns.household_id == household_id, columns.warning_id.is_not(None)
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        reject("household-never-warned-of", field="household_id")
    return _row_of(row)


def _row_of(row: Row[Any]) -> pb.MonitoringRow:
    return pb.MonitoringRow(
        household_id=row.household_id,
        village_id=row.village_id,
        warning_id=row.warning_id,
        monitoring_class=row.monitoring_class,
        stage=row.stage,
        finder=row.finder,
        raised_on=row.raised_on,
        due_on=row.due_on,
        overdue=bool(row.overdue),
        measures=json.loads(row.measures),
        income_per_head_fen=row.income_per_head_fen,
        monitoring_line_fen=row.monitoring_line_fen,
    )
