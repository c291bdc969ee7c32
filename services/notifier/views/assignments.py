"""The answer to: what is to be done, who has it, and how far is it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    and_,
    or_,
    select,
)

from chassis.paging import below, page
from chassis.rejection import FactMissing
from chassis.views import Rows, View
from services.notifier.views.messages import told_about
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import (
    Assignment,
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentPage,
    AssignmentReminded,
    AssignmentReturned,
    AssignmentStatus,
    AssignmentVerified,
    EvidenceAdded,
    ListAssignments,
)
from tuopin.notifier.v1.handling_pb2 import (
    AnswerClockStarted,
    AssignmentCancelled,
    AssignmentDeclined,
    AssignmentExpired,
    AssignmentReassigned,
    AssignmentScheduled,
    AssignmentSnoozed,
)

METADATA = MetaData()

ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("assignment_id", String(60), primary_key=True),
    Column("kind", String(60)),
    Column("status", Integer),
    Column("household_id", String(60)),
    Column("village_id", String(12)),
    Column("household_number", String(40)),
    Column("subject", String(120)),
    Column("proof", String(10)),
    Column("cadre_id", String(60)),
    # Who had it before nobody had it: may still take it.
    Column("previous_cadre_id", String(60)),
    # Township or county it was escalated to, and why.
    Column("region_id", String(12)),
    Column("escalated_reason", String(20)),
    # alert or task.
    Column("priority", String(10)),
    # What the order or session is about, a code; "" for the other kinds.
    Column("topic", String(60)),
    Column("snoozed_until_us", BigInteger, server_default="0"),
    Column("snoozes_left", Integer, server_default="0"),
    Column("snooze_max_s", BigInteger, server_default="0"),
    # Who declined last said so.
    Column("declined_reason", String(40)),
    # Why it was cancelled.
    Column("ended_reason", String(40)),
    Column("expire_at_us", BigInteger, server_default="0"),
    Column("reminded", Integer, server_default="0"),
    Column("evidence_count", Integer, server_default="0"),
    Column("offered_at_us", BigInteger),
    Column("due_at_us", BigInteger),
    Column("done_by", String(60)),
    Column("done_at_us", BigInteger),
    Column("result_event_id", String(120)),
    Column("returned_slug", String(100)),
    # Version of the stream and time of its latest event: what a chat shows is compared with it.
    Column("version", Integer),
    Column("changed_at_us", BigInteger),
    # Version at which the next step became what it is. A button names it: evidence that comes in
    # does not change the button under a person's finger.
    Column("turn", Integer),
    Index("assignments_by_village", "village_id", "assignment_id"),
    Index("assignments_by_cadre", "cadre_id", "status"),
    Index("assignments_by_previous_cadre", "previous_cadre_id", "status"),
    Index("assignments_by_household", "household_id"),
    Index("assignments_by_subject", "subject"),
    Index("assignments_by_change", "changed_at_us"),
)

EVENTS = (
    AssignmentOffered,
    AssignmentAcknowledged,
    EvidenceAdded,
    AssignmentDone,
    AssignmentReminded,
    AssignmentEscalated,
    AssignmentVerified,
    AssignmentReturned,
    AssignmentScheduled,
    AssignmentDeclined,
    AssignmentSnoozed,
    AssignmentReassigned,
    AnswerClockStarted,
    AssignmentCancelled,
    AssignmentExpired,
)
Event = (
    AssignmentOffered
    | AssignmentAcknowledged
    | EvidenceAdded
    | AssignmentDone
    | AssignmentReminded
    | AssignmentEscalated
    | AssignmentVerified
    | AssignmentReturned
    | AssignmentScheduled
    | AssignmentDeclined
    | AssignmentSnoozed
    | AssignmentReassigned
    | AnswerClockStarted
    | AssignmentCancelled
    | AssignmentExpired
)
# The next step of whoever reads the message stays the same.
SAME_TURN = (EvidenceAdded, AssignmentReminded, AnswerClockStarted, AssignmentSnoozed)

# Somebody has yet to do something.
TO_TAKE = (
    AssignmentStatus.ASSIGNMENT_STATUS_OFFERED,
    AssignmentStatus.ASSIGNMENT_STATUS_ESCALATED,
)
TO_FINISH = (
    AssignmentStatus.ASSIGNMENT_STATUS_ACKNOWLEDGED,
    AssignmentStatus.ASSIGNMENT_STATUS_RETURNED,
)
OPEN = (*TO_TAKE, *TO_FINISH)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """One stream per assignment: the latest event wins."""
    key = (event.assignment_id,)
    rows.put(ASSIGNMENTS, key, version=envelope.version, changed_at_us=envelope.recorded_at_us)
    if not isinstance(event, SAME_TURN):
        rows.put(ASSIGNMENTS, key, turn=envelope.version)
    match event:
        case AssignmentOffered():
            rows.put(ASSIGNMENTS, key, **_offered(envelope, event))
        case AssignmentAcknowledged():
            status = AssignmentStatus.ASSIGNMENT_STATUS_ACKNOWLEDGED
            rows.put(
                ASSIGNMENTS,
                key,
                status=status,
                cadre_id=event.cadre_id,
                previous_cadre_id="",
                snoozed_until_us=0,
            )
        case EvidenceAdded():
            rows.add(ASSIGNMENTS, key, evidence_count=1)
        case AssignmentDone():
            rows.put(
                ASSIGNMENTS,
                key,
                status=AssignmentStatus.ASSIGNMENT_STATUS_DONE,
                done_by=event.cadre_id,
                done_at_us=event.done_at_us,
                returned_slug="",
            )
        case AssignmentReminded():
            rows.put(ASSIGNMENTS, key, reminded=1, snoozed_until_us=0)
        case AssignmentEscalated():
            rows.put(
                ASSIGNMENTS,
                key,
                status=AssignmentStatus.ASSIGNMENT_STATUS_ESCALATED,
                cadre_id=event.cadre_id,
                # Who hands on to somebody has nothing more to do with it.
                previous_cadre_id=_still_may(event),
                region_id=event.region_id,
                escalated_reason=event.reason,
                snoozed_until_us=0,
            )
        case AssignmentVerified():
            status = AssignmentStatus.ASSIGNMENT_STATUS_VERIFIED
            rows.put(ASSIGNMENTS, key, status=status, result_event_id=event.event_id)
        case AssignmentReturned():
            status = AssignmentStatus.ASSIGNMENT_STATUS_RETURNED
            rows.put(ASSIGNMENTS, key, status=status, returned_slug=event.slug)
        case _:
            _project_course(rows, key, event)


def _still_may(event: AssignmentEscalated) -> str:
    """Who hands on to somebody, or has left, has nothing more to do with it."""
    return "" if event.cadre_id or event.reason == "left" else event.previous_cadre_id


def _project_course(rows: Rows, key: tuple[str], event: Event) -> None:
    """What else becomes of it."""
    match event:
        case AssignmentScheduled():
            rows.put(ASSIGNMENTS, key, **_scheduled(event))
        case AssignmentDeclined():
            rows.put(ASSIGNMENTS, key, declined_reason=event.reason)
        case AssignmentSnoozed():
            rows.put(ASSIGNMENTS, key, snoozed_until_us=event.until_us)
            rows.add(ASSIGNMENTS, key, snoozes_left=-1)
        case AssignmentReassigned():
            rows.put(
                ASSIGNMENTS,
                key,
                status=AssignmentStatus.ASSIGNMENT_STATUS_OFFERED,
                cadre_id=event.cadre_id,
                previous_cadre_id="",
                snoozed_until_us=0,
            )
        case AssignmentCancelled():
            status = AssignmentStatus.ASSIGNMENT_STATUS_CANCELLED
            rows.put(ASSIGNMENTS, key, status=status, ended_reason=event.reason)
        case AssignmentExpired():
            rows.put(ASSIGNMENTS, key, status=AssignmentStatus.ASSIGNMENT_STATUS_EXPIRED)


def _scheduled(event: AssignmentScheduled) -> Mapping[str, Any]:
    return {
        "kind": event.kind,
        "status": AssignmentStatus.ASSIGNMENT_STATUS_SCHEDULED,
        "household_id": event.household_id,
        "village_id": event.village_id,
        "household_number": event.household_number,
        "subject": event.subject,
        "proof": "",
        "cadre_id": "",
        "previous_cadre_id": "",
        "region_id": "",
        "offered_at_us": event.offer_at_us,
        "due_at_us": event.due_at_us,
        "done_by": "",
        "done_at_us": 0,
        "result_event_id": "",
        "returned_slug": "",
    }


def _offered(envelope: Envelope, event: AssignmentOffered) -> Mapping[str, Any]:
    return {
        "kind": event.kind,
        "status": AssignmentStatus.ASSIGNMENT_STATUS_OFFERED,
        "household_id": event.household_id,
        "village_id": event.village_id,
        "household_number": event.household_number,
        "subject": event.subject,
        "proof": event.proof,
        "cadre_id": event.cadre_id,
        "previous_cadre_id": "",
        "region_id": "",
        "priority": event.terms.priority,
        "topic": event.facts.get("topic", "") or event.facts.get("course", ""),
        "snoozes_left": event.terms.snoozes_max,
        "snooze_max_s": event.terms.snooze_max_s,
        "expire_at_us": event.expire_at_us,
        "offered_at_us": envelope.recorded_at_us,
        "due_at_us": event.due_at_us,
        "done_by": "",
        "done_at_us": 0,
        "result_event_id": "",
        "returned_slug": "",
    }


VIEW = View(
    name="assignments", tables=(ASSIGNMENTS,), topics=("task",), project=project, events=EVENTS
)


def assignment_row(connection: Connection, assignment_id: str) -> Row[Any] | None:
    """The assignment, or None."""
    return connection.execute(
        select(ASSIGNMENTS).where(ASSIGNMENTS.c.assignment_id == assignment_id)
    ).first()


def village_of(connection: Connection, assignment_id: str) -> str:
    """Where the assignment's household lives; FactMissing while it has not been heard of."""
    row = assignment_row(connection, assignment_id)
    if row is None:
        raise FactMissing("assignment", assignment_id)
    return str(row.village_id)


def has(cadre_id: str) -> ColumnElement[bool]:
    """It is the cadre's, or nobody's since it was."""
    return or_(
        ASSIGNMENTS.c.cadre_id == cadre_id,
        and_(ASSIGNMENTS.c.cadre_id == "", ASSIGNMENTS.c.previous_cadre_id == cadre_id),
    )


def open_of(
    connection: Connection, cadre_id: str, statuses: Sequence[int] = OPEN, most: int = 100
) -> Sequence[Row[Any]]:
    """What a cadre has yet to do, the most pressing first."""
    return connection.execute(
        select(ASSIGNMENTS)
        .where(has(cadre_id), ASSIGNMENTS.c.status.in_(statuses))
        .order_by(ASSIGNMENTS.c.due_at_us, ASSIGNMENTS.c.assignment_id)
        .limit(most)
    ).all()


def list_assignments(
    connection: Connection, query: ListAssignments, now_us: int = 0
) -> AssignmentPage:
    """The assignments below a region, village by village."""
    wanted = select(ASSIGNMENTS).where(below(ASSIGNMENTS.c.village_id, query.region_id))
    if query.cadre_id:
        wanted = wanted.where(ASSIGNMENTS.c.cadre_id == query.cadre_id)
    if query.household_id:
        wanted = wanted.where(ASSIGNMENTS.c.household_id == query.household_id)
    if query.status:
        wanted = wanted.where(ASSIGNMENTS.c.status == query.status)
    if query.open_only:
        wanted = wanted.where(ASSIGNMENTS.c.status.in_(OPEN))
    key = (ASSIGNMENTS.c.village_id, ASSIGNMENTS.c.assignment_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    told = told_about(connection, [row.assignment_id for row in found.rows])
    return AssignmentPage(
        assignments=[
            assignment_of(row, told.get(row.assignment_id, ()), now_us) for row in found.rows
        ],
        next_page_token=found.next_page_token,
        total=found.total,
    )


def assignment_of(row: Row[Any], messages: Sequence[str], now_us: int) -> Assignment:
    """A row as callers see it."""
    return Assignment(
        assignment_id=row.assignment_id,
        kind=row.kind,
        status=row.status,
        household_id=row.household_id,
        village_id=row.village_id,
        household_number=row.household_number,
        subject=row.subject,
        cadre_id=row.cadre_id,
        proof=row.proof,
        evidence_count=row.evidence_count,
        due_at_us=row.due_at_us,
        reminded=bool(row.reminded),
        result_event_id=row.result_event_id,
        returned_slug=row.returned_slug,
        messages=messages,
        region_id=row.region_id,
        done_by=row.done_by,
        done_at_us=row.done_at_us,
        offered_at_us=row.offered_at_us,
        previous_cadre_id=row.previous_cadre_id,
        priority=row.priority or "",
        snoozed_until_us=row.snoozed_until_us or 0,
        snoozes_left=row.snoozes_left or 0,
        declined_reason=row.declined_reason or "",
        ended_reason=row.ended_reason or "",
        escalated_reason=row.escalated_reason or "",
        overdue=row.status in OPEN and row.due_at_us < now_us,
    )
