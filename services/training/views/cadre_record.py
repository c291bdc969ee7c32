"""The record of each cadre: posts, hours, certificates, tasks, visits and households helped.

Lanes of four topics write the same row in any interleaving: each puts or adds to columns of its
own, so that the rows do not depend on which lane came first.
"""

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReturned,
)
from tuopin.notifier.v1.handling_pb2 import (
    AssignmentCancelled,
    AssignmentExpired,
    AssignmentReassigned,
)
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded
from tuopin.training.v1.cadre_pb2 import (
    CadreAppointed,
    CadreDeparted,
    CadrePosted,
    PostEnded,
    TrainingCompleted,
)

METADATA = MetaData()


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


RECORDS = Table(
    "cadre_records",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    # Written by the topic cadre; empty while only others have spoken of the cadre.
    Column("region_id", String(12)),
    Column("name", Text),
    Column("language", String(2)),
    Column("unit", String(100)),
    Column("appointed_on", String(10)),
    # Added to by the topics training, task and plan.
    _count("hours"),
    _count("tasks_open"),
    _count("tasks_finished"),
    _count("visits"),
    _count("households_helped"),
    Index("cadre_records_by_region", "region_id", "cadre_id"),
)

POSTINGS = Table(
    "cadre_postings",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("region_id", String(12), primary_key=True),
    Column("post", Integer, primary_key=True),
    Column("since", String(10)),
)

CERTIFICATES = Table(
    "certificates",
    METADATA,
    Column("certificate_id", String(60), primary_key=True),
    Column("cadre_id", String(60)),
    Column("course", String(60)),
    Column("hours", Integer),
    Column("valid_until", String(10)),
    Index("certificates_by_cadre", "cadre_id"),
)

EVENTS = (
    CadreAppointed,
    CadrePosted,
    PostEnded,
    CadreDeparted,
    TrainingCompleted,
    PlanApproved,
    VisitRecorded,
    AssignmentOffered,
    AssignmentEscalated,
    AssignmentDone,
    AssignmentReturned,
    AssignmentReassigned,
    AssignmentCancelled,
    AssignmentExpired,
)
Event = (
    CadreAppointed
    | CadrePosted
    | PostEnded
    | CadreDeparted
    | TrainingCompleted
    | PlanApproved
    | VisitRecorded
    | AssignmentOffered
    | AssignmentEscalated
    | AssignmentDone
    | AssignmentReturned
    | AssignmentReassigned
    | AssignmentCancelled
    | AssignmentExpired
)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """Who the cadre is and where, what was learnt, what was done."""
    match event:
        case CadreAppointed():
            rows.put(
                RECORDS,
                (event.cadre_id,),
                region_id=event.region_id,
                name=event.name,
                language=event.language,
                unit=event.unit,
                appointed_on=event.effective_on,
            )
        case CadrePosted():
            key = (event.cadre_id, event.region_id, event.post)
            rows.put(POSTINGS, key, since=event.effective_on)
        case PostEnded():
            rows.forget(POSTINGS, (event.cadre_id, event.region_id, event.post))
        case CadreDeparted():
            for each in event.posts:
                rows.forget(POSTINGS, (event.cadre_id, each.region_id, each.post))
        case TrainingCompleted():
            _certify(rows, event)
        case PlanApproved():
            rows.add(RECORDS, (event.helper_id,), households_helped=1)
        case VisitRecorded():
            rows.add(RECORDS, (event.cadre_id,), visits=1)
        case AssignmentOffered() | AssignmentEscalated() | AssignmentReassigned():
            _hand_over(rows, event)
        case AssignmentCancelled() | AssignmentExpired() if event.cadre_id:
            rows.add(RECORDS, (event.cadre_id,), tasks_open=-1)
        case AssignmentDone():
            rows.add(RECORDS, (event.cadre_id,), tasks_open=-1, tasks_finished=1)
        case AssignmentReturned():
            rows.add(RECORDS, (event.cadre_id,), tasks_open=1, tasks_finished=-1)


def _certify(rows: Rows, event: TrainingCompleted) -> None:
    rows.add(RECORDS, (event.cadre_id,), hours=event.hours)
    rows.put(
        CERTIFICATES,
        (event.certificate_id,),
        cadre_id=event.cadre_id,
        course=event.course,
        hours=event.hours,
        valid_until=event.valid_until,
    )


def _hand_over(
    rows: Rows, event: AssignmentOffered | AssignmentEscalated | AssignmentReassigned
) -> None:
    """Where nobody follows, the task stays with the one who had it and may still take it; who
    has left has nothing any more.
    """
    left = isinstance(event, AssignmentEscalated) and event.reason == "left"
    if not event.cadre_id and not left:
        return
    if event.cadre_id:
        rows.add(RECORDS, (event.cadre_id,), tasks_open=1)
    if not isinstance(event, AssignmentOffered) and event.previous_cadre_id:
        rows.add(RECORDS, (event.previous_cadre_id,), tasks_open=-1)


VIEW = View(
    name="cadre_record",
    tables=(RECORDS, POSTINGS, CERTIFICATES),
    topics=("cadre", "training", "plan", "task"),
    project=project,
    events=EVENTS,
)
