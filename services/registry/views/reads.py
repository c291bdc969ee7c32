"""The answer to: who read whose data, when and for what, and which break-glass accesses were there?

Reads of all services: each records its own, in a topic of its own.
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    select,
)

from chassis.clock import MICROSECONDS
from chassis.decider import PROGRAMME_ZONE
from chassis.paging import below, page
from chassis.views import Rows, View
from tuopin.access.v1.access_pb2 import PersonalDataRead
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.access_pb2 import (
    BreakGlass,
    BreakGlassExpired,
    BreakGlassOpened,
    BreakGlassPage,
    BreakGlassReviewed,
    ListBreakGlasses,
    ListReads,
    ReadPage,
    ReadRow,
)

METADATA = MetaData()

READS = Table(
    "reads",
    METADATA,
    Column("read_id", String(40), primary_key=True),
    # Local time of the programme, to the microsecond: sorts, and begins with the day.
    Column("read_at", String(26)),
    Column("read_at_us", BigInteger),
    Column("reader", String(200)),
    Column("on_behalf_of", String(200)),
    Column("purpose", String(40)),
    Column("method", String(200)),
    Column("region_id", String(12)),
    Column("subjects", Integer),
    Column("fields", Text),
    Column("break_glass_id", String(40)),
    Index("reads_by_time", "read_at"),
    Index("reads_by_reader", "reader", "read_at"),
)

READ_SUBJECTS = Table(
    "read_subjects",
    METADATA,
    Column("subject_id", String(60), primary_key=True),
    Column("read_id", String(40), primary_key=True),
    # A row has to say something besides its key.
    Column("read_at_us", BigInteger),
    sqlite_with_rowid=False,
)

BREAK_GLASSES = Table(
    "break_glasses",
    METADATA,
    Column("break_glass_id", String(40), primary_key=True),
    Column("reader", String(200)),
    Column("reason", String(40)),
    # Sealed.
    Column("note", Text),
    Column("region_id", String(12)),
    Column("household_id", String(60)),
    Column("opened_at", String(26)),
    Column("opened_at_us", BigInteger),
    Column("expires_at_us", BigInteger),
    Column("open", Boolean),
    Column("reads", Integer, server_default="0"),
    Column("finding", Integer),
    Column("reviewed_by", String(200)),
)

Event = PersonalDataRead | BreakGlassOpened | BreakGlassExpired | BreakGlassReviewed
EVENTS = (PersonalDataRead, BreakGlassOpened, BreakGlassExpired, BreakGlassReviewed)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """A row per read and per person in it; a row per break-glass access."""
    match event:
        case PersonalDataRead():
            _read(rows, envelope, event)
        case BreakGlassOpened():
            rows.put(
                BREAK_GLASSES,
                (event.break_glass_id,),
                reader=event.reader,
                reason=event.reason,
                note=event.note,
                region_id=event.region_id,
                household_id=event.household_id,
                opened_at=_local(event.opened_at_us),
                opened_at_us=event.opened_at_us,
                expires_at_us=event.expires_at_us,
                open=True,
                finding=0,
            )
        case BreakGlassExpired():
            rows.put(BREAK_GLASSES, (event.break_glass_id,), open=False)
        case BreakGlassReviewed():
            rows.put(
                BREAK_GLASSES,
                (event.break_glass_id,),
                open=False,
                finding=event.finding,
                reviewed_by=event.reviewed_by,
            )


def _read(rows: Rows, envelope: Envelope, event: PersonalDataRead) -> None:
    rows.put(
        READS,
        (event.read_id,),
        read_at=_local(envelope.recorded_at_us),
        read_at_us=envelope.recorded_at_us,
        reader=event.reader,
        on_behalf_of=event.on_behalf_of,
        purpose=event.purpose,
        method=event.method.rpartition(".")[2],
        region_id=event.region_id,
        subjects=len(event.subject_ids),
        fields=" ".join(event.fields),
        break_glass_id=event.break_glass_id,
    )
    for subject_id in event.subject_ids:
        rows.put(READ_SUBJECTS, (subject_id, event.read_id), read_at_us=envelope.recorded_at_us)
    if event.break_glass_id:
        rows.add(BREAK_GLASSES, (event.break_glass_id,), reads=1)


def _local(at_us: int) -> str:
    at = datetime.fromtimestamp(at_us // MICROSECONDS, UTC).astimezone(PROGRAMME_ZONE)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_us % MICROSECONDS:06d}"


VIEW = View(
    name="reads",
    tables=(READS, READ_SUBJECTS, BREAK_GLASSES),
    topics=("access", "cadre", "complaint"),
    project=project,
    events=EVENTS,
)


def list_reads(connection: Connection, query: ListReads) -> ReadPage:
    """Reads in the order of time that fit all that is given."""
    found = READS.c
    wanted: Select[tuple[object, ...]] = select(READS)
    if query.region_id:
        wanted = wanted.where(below(found.region_id, query.region_id))
    if query.subject_id:
        of_subject = select(READ_SUBJECTS.c.read_id).where(
            READ_SUBJECTS.c.subject_id == query.subject_id
        )
        wanted = wanted.where(found.read_id.in_(of_subject))
    if query.reader:
        wanted = wanted.where(found.reader == query.reader)
    if query.break_glass_id:
        wanted = wanted.where(found.break_glass_id == query.break_glass_id)
    if query.from_day:
        wanted = wanted.where(found.read_at >= query.from_day)
    if query.to_day:
        after = date.fromisoformat(query.to_day) + timedelta(days=1)
        wanted = wanted.where(found.read_at < after.isoformat())
    rows = page(
        connection, wanted, (found.read_at, found.read_id), query.page_size, query.page_token
    )
    return ReadPage(
        reads=map(_read_row, rows.rows), next_page_token=rows.next_page_token, total=rows.total
    )


def _read_row(row: Row[tuple[object, ...]]) -> ReadRow:
    return ReadRow(
        read_id=row.read_id,
        read_at_us=row.read_at_us,
        reader=row.reader,
        on_behalf_of=row.on_behalf_of,
        purpose=row.purpose,
        method=row.method,
        region_id=row.region_id,
        subjects=row.subjects,
        fields=row.fields.split(),
        break_glass_id=row.break_glass_id,
    )


def list_break_glasses(connection: Connection, query: ListBreakGlasses) -> BreakGlassPage:
    """Accesses below a region, the oldest first; their notes still sealed."""
    found = BREAK_GLASSES.c
    wanted: Select[tuple[object, ...]] = select(BREAK_GLASSES).where(found.reader.is_not(None))
    if query.region_id:
        wanted = wanted.where(below(found.region_id, query.region_id))
    if query.unreviewed:
        wanted = wanted.where(found.finding == 0)
    key = (found.opened_at, found.break_glass_id)
    rows = page(connection, wanted, key, query.page_size, query.page_token)
    return BreakGlassPage(
        accesses=map(_access, rows.rows), next_page_token=rows.next_page_token, total=rows.total
    )


def _access(row: Row[tuple[object, ...]]) -> BreakGlass:
    return BreakGlass(
        break_glass_id=row.break_glass_id,
        reader=row.reader,
        reason=row.reason,
        note=row.note or "",
        region_id=row.region_id,
        household_id=row.household_id,
        opened_at_us=row.opened_at_us,
        expires_at_us=row.expires_at_us,
        open=row.open,
        reads=row.reads,
        finding=row.finding,
        reviewed_by=row.reviewed_by or "",
    )
