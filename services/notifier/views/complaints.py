"""The answer to: what was complained of, who must answer, and until when?"""

from typing import Any

from sqlalchemy import (
    BigInteger,
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

from chassis.deadlines import DeadlineView
from chassis.paging import below, page
from chassis.rejection import reject
from chassis.views import Deadlines, Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.complaint_pb2 import (
    ComplainantRevealed,
    Complaint,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintFiled,
    ComplaintPage,
    ComplaintRow,
    ComplaintStatus,
    ListComplaints,
    PassOnComplaint,
)

METADATA = MetaData()

COMPLAINTS = Table(
    "complaints",
    METADATA,
    Column("complaint_id", String(60), primary_key=True),
    Column("village_id", String(12)),
    Column("kind", String(30)),
    Column("status", Integer),
    Column("anonymous", Integer, server_default="0"),
    Column("household_number", String(40)),
    # Sealed under the complaint's own key.
    Column("text", Text),
    Column("complainant", Text),
    Column("answer", Text),
    Column("answered_by", String(200)),
    Column("answered_at_us", BigInteger),
    Column("region_id", String(12)),
    Column("filed_at_us", BigInteger),
    Column("due_at_us", BigInteger),
    Column("passed_on", Integer, server_default="0"),
    Index("complaints_by_village", "village_id", "complaint_id"),
)

REVEALED = Table(
    "complainants_revealed",
    METADATA,
    Column("complaint_id", String(60), primary_key=True),
    Column("revealed_to", String(200), primary_key=True),
    Column("at_us", BigInteger),
)

EVENTS = (ComplaintFiled, ComplaintAssigned, ComplaintAnswered, ComplainantRevealed)
Event = ComplaintFiled | ComplaintAssigned | ComplaintAnswered | ComplainantRevealed
OPEN = (ComplaintStatus.COMPLAINT_STATUS_OPEN, ComplaintStatus.COMPLAINT_STATUS_OVERDUE)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """One stream per complaint."""
    key = (event.complaint_id,)
    match event:
        case ComplaintFiled():
            rows.put(
                COMPLAINTS,
                key,
                village_id=event.village_id,
                kind=event.kind,
                status=ComplaintStatus.COMPLAINT_STATUS_OPEN,
                anonymous=int(event.anonymous),
                household_number=event.household_number,
                text=event.text,
                complainant=event.complainant,
                filed_at_us=envelope.recorded_at_us,
            )
        case ComplaintAssigned():
            rows.put(COMPLAINTS, key, region_id=event.region_id, due_at_us=event.due_at_us)
            if event.reason == "overdue":
                rows.put(COMPLAINTS, key, status=ComplaintStatus.COMPLAINT_STATUS_OVERDUE)
                rows.add(COMPLAINTS, key, passed_on=1)
        case ComplaintAnswered():
            rows.put(
                COMPLAINTS,
                key,
                status=ComplaintStatus.COMPLAINT_STATUS_ANSWERED,
                answer=event.answer,
                answered_by=event.answered_by,
                answered_at_us=envelope.recorded_at_us,
            )
        case ComplainantRevealed():
            revealed = (event.complaint_id, event.revealed_to)
            rows.put(REVEALED, revealed, at_us=envelope.recorded_at_us)


VIEW = View(
    name="complaints",
    tables=(COMPLAINTS, REVEALED),
    topics=("complaint",),
    project=project,
    events=EVENTS,
)


def project_deadline(
    deadlines: Deadlines, envelope: Envelope, event: ComplaintAssigned | ComplaintAnswered
) -> None:
    """Each level's time; an answer ends it."""
    if isinstance(event, ComplaintAssigned):
        command = PassOnComplaint(complaint_id=event.complaint_id)
        deadlines.set("pass-on", event.complaint_id, event.due_at_us, command)
    else:
        deadlines.clear("pass-on", event.complaint_id)


DEADLINE = DeadlineView(
    name="complaint-overdue",
    topics=("complaint",),
    events=(ComplaintAssigned, ComplaintAnswered),
    project=project_deadline,
)


def complaint_row(connection: Connection, complaint_id: str) -> Row[Any] | None:
    """The complaint, or None."""
    return connection.execute(
        select(COMPLAINTS).where(COMPLAINTS.c.complaint_id == complaint_id)
    ).first()


def revealed_to(connection: Connection, complaint_id: str) -> list[str]:
    """Who was told the household."""
    return list(
        connection.scalars(
            select(REVEALED.c.revealed_to)
            .where(REVEALED.c.complaint_id == complaint_id)
            .order_by(REVEALED.c.revealed_to)
        )
    )


def complaint_of(connection: Connection, complaint_id: str) -> Complaint:
    """All that is known, sealed; rejected while it has not been heard of."""
    row = complaint_row(connection, complaint_id)
    if row is None:
        reject("complaint-not-known", field="complaint_id")
    return Complaint(
        row=shown_row(row),
        complaint_id=complaint_id,
        text=row.text,
        answer=row.answer or "",
        answered_by=row.answered_by or "",
        complainant=row.complainant,
        revealed_to=revealed_to(connection, complaint_id),
    )


def list_complaints(connection: Connection, query: ListComplaints) -> ComplaintPage:
    """The complaints below a region, village by village; neither words nor household."""
    wanted = select(COMPLAINTS).where(below(COMPLAINTS.c.village_id, query.region_id))
    if query.open_only:
        wanted = wanted.where(COMPLAINTS.c.status.in_(OPEN))
    key = (COMPLAINTS.c.village_id, COMPLAINTS.c.complaint_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return ComplaintPage(
        complaints=[shown_row(row) for row in found.rows],
        next_page_token=found.next_page_token,
        total=found.total,
    )


def shown_row(row: Row[Any]) -> ComplaintRow:
    """A row as a list shows it."""
    return ComplaintRow(
        complaint_id=row.complaint_id,
        village_id=row.village_id,
        kind=row.kind,
        status=row.status,
        region_id=row.region_id or "",
        filed_at_us=row.filed_at_us or 0,
        due_at_us=row.due_at_us or 0,
        answered_at_us=row.answered_at_us or 0,
        passed_on_count=row.passed_on or 0,
        anonymous=bool(row.anonymous),
        household_number=row.household_number or "",
    )
