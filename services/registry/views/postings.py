"""The answer to: what hangs on the notice board, how long still, and where does one object? The
table holds nothing that the public may not see.
"""

from collections.abc import Sequence
from typing import Any

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
    select,
)

from chassis.clock import MICROSECONDS
from chassis.paging import below, page
from chassis.rejection import reject
from chassis.times import day_of
from chassis.views import Rows, View
from services.registry.views import regions
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import posting_pb2 as pb
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

METADATA = MetaData()

POSTINGS = Table(
    "postings",
    METADATA,
    Column("posting_id", String(60), primary_key=True),
    Column("village_id", String(12)),
    Column("household_number", String(40)),
    Column("purpose", Integer),
    Column("main_cause", Integer),
    Column("opened_at_us", BigInteger),
    Column("closes_at_us", BigInteger),
    Column("open_objections", Integer, server_default="0"),
    Column("over", Boolean),
    Index("postings_by_village", "village_id", "posting_id"),
)

EVENTS = (
    pb.PostingOpened,
    pb.PostingClosed,
    pb.ObjectionRaised,
    pb.ObjectionUpheld,
    pb.ObjectionDismissed,
    HouseholdRezoned,
)
DAY_US = 86_400 * MICROSECONDS
# Digits of the regions whose offices take an objection: village, township, county.
OBJECT_AT = (12, 9, 6)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One row per posting; it stays when the notice is taken down."""
    if isinstance(event, HouseholdRezoned):
        if event.posting_id:
            rows.put(POSTINGS, (event.posting_id,), village_id=event.village_id)
        return
    key = (event.posting_id,)
    match event:
        case pb.PostingOpened():
            rows.put(
                POSTINGS,
                key,
                village_id=event.village_id,
                household_number=event.household_number,
                purpose=event.purpose,
                main_cause=event.main_cause,
                opened_at_us=event.opened_at_us,
                closes_at_us=event.closes_at_us,
                over=False,
            )
        case pb.ObjectionRaised():
            rows.add(POSTINGS, key, open_objections=1)
        case pb.ObjectionDismissed():
            rows.add(POSTINGS, key, open_objections=-1)
            if event.closes_at_us:
                rows.put(POSTINGS, key, closes_at_us=event.closes_at_us)
        case pb.PostingClosed() | pb.ObjectionUpheld():
            rows.put(POSTINGS, key, over=True)


VIEW = View(
    name="postings",
    tables=(POSTINGS,),
    topics=("household",),
    project=project,
    events=EVENTS,
)


def list_postings(connection: Connection, query: pb.ListPostings, now_us: int) -> pb.PostingPage:
    """The notices that hang now below a region."""
    wanted = select(POSTINGS).where(
        below(POSTINGS.c.village_id, query.region_id), POSTINGS.c.over.is_(False)
    )
    key = (POSTINGS.c.village_id, POSTINGS.c.posting_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return pb.PostingPage(
        postings=_shown(connection, found.rows, now_us),
        next_page_token=found.next_page_token,
        total=found.total,
    )


def get_posting(connection: Connection, query: pb.GetPosting, now_us: int) -> pb.Posting:
    """One notice, whether it hangs or not."""
    wanted = select(POSTINGS).where(POSTINGS.c.posting_id == query.posting_id)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        reject("posting-not-known", field="posting_id")
    return _shown(connection, [row], now_us)[0]


def _shown(connection: Connection, rows: Sequence[Row[Any]], now_us: int) -> list[pb.Posting]:
    codes = sorted({row.village_id[:digits] for row in rows for digits in OBJECT_AT})
    names = regions.names_of(connection, list(codes))
    return [_public(row, names, now_us) for row in rows]


def _public(row: Row[Any], names: dict[str, str], now_us: int) -> pb.Posting:
    over = bool(row.over)
    stopped = not over and row.open_objections > 0
    left_us = 0 if over or stopped else max(row.closes_at_us - now_us, 0)
    offices = [row.village_id[:digits] for digits in OBJECT_AT]
    return pb.Posting(
        posting_id=row.posting_id,
        purpose=row.purpose,
        household_number=row.household_number,
        village_id=row.village_id,
        village_name=names.get(row.village_id, ""),
        main_cause=row.main_cause,
        opened_on=day_of(row.opened_at_us),
        closes_on="" if stopped else day_of(row.closes_at_us),
        # A day begun is a day on which one can still object.
        days_left=-(-left_us // DAY_US),
        stopped=stopped,
        over=over,
        object_at=[f"{code} {names.get(code, '')}".strip() for code in offices],
    )
