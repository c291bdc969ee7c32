"""The answer to: how accurate is the register, and who is still to be looked at?"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)

from chassis.paging import below, page
from chassis.rejection import reject
from chassis.views import Rows, View
from services.registry.decider.lookback import FrameFacts, rates
from services.registry.views.households import HOUSEHOLDS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import lookback_pb2 as pb
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_EXITED, HouseholdStatus

METADATA = MetaData()

LOOKBACKS = Table(
    "lookbacks",
    METADATA,
    Column("lookback_id", String(60), primary_key=True),
    Column("region_id", String(12)),
    Column("opened_on", String(10)),
    Column("closed_on", String(10)),
    Column("sampled", BigInteger, server_default="0"),
    Column("found", BigInteger, server_default="0"),
    Column("wrong", BigInteger, server_default="0"),
    # LookbackOpened and LookbackClosed as they were written; nothing personal is in them.
    Column("opened", LargeBinary),
    Column("closed", LargeBinary),
    Index("lookbacks_by_region", "region_id", "lookback_id"),
)

FINDINGS = Table(
    "lookback_findings",
    METADATA,
    Column("lookback_id", String(60), primary_key=True),
    Column("subject_id", String(60), primary_key=True),
    Column("stratum", Integer),
    Column("village_id", String(12)),
    Column("verdict", Integer),
)

_IN_REGISTER = (
    "REGISTERED", "RELAPSED", "REMOVAL_PROPOSED", "REMOVAL_APPRAISED", "REMOVAL_POSTED",
    "EXIT_PROPOSED", "EXIT_APPRAISED", "EXIT_VERIFIED", "EXIT_AGREED", "EXIT_POSTED",
    "EXIT_TOWNSHIP_REVIEWED", "EXIT_COUNTY_REVIEWED", "EXIT_ANNOUNCED",
)  # fmt: skip
# The class "poor" of programme/figures.toml; a test compares them.
IN_REGISTER = frozenset(HouseholdStatus.Value(f"HOUSEHOLD_STATUS_{name}") for name in _IN_REGISTER)

EVENTS = (pb.LookbackOpened, pb.FindingRecorded, pb.LookbackClosed)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One row per campaign, one per finding."""
    key = (event.lookback_id,)
    match event:
        case pb.LookbackOpened():
            rows.put(
                LOOKBACKS,
                key,
                region_id=event.region_id,
                opened_on=event.effective_on,
                sampled=len(event.sample),
                opened=envelope.data,
            )
        case pb.FindingRecorded():
            wrong = int(event.verdict == pb.VERDICT_WRONG)
            rows.add(LOOKBACKS, key, found=1, wrong=wrong)
            rows.put(
                FINDINGS,
                (event.lookback_id, event.subject_id),
                stratum=event.stratum,
                village_id=event.village_id,
                verdict=event.verdict,
            )
        case pb.LookbackClosed():
            rows.put(LOOKBACKS, key, closed_on=event.effective_on, closed=envelope.data)


VIEW = View(
    name="lookbacks",
    tables=(LOOKBACKS, FINDINGS),
    topics=("household",),
    project=project,
    events=EVENTS,
)


def frame(connection: Connection, command: pb.OpenLookback) -> FrameFacts:
    """The households of a region that a look-back draws from."""
    columns = HOUSEHOLDS.c
    found = connection.execute(
        select(columns.household_id, columns.village_id, columns.status).where(
            below(columns.village_id, command.region_id),
            columns.status.in_([*IN_REGISTER, HOUSEHOLD_STATUS_EXITED]),
        )
    ).all()
    return FrameFacts(
        registered={
            each.household_id: each.village_id for each in found if each.status in IN_REGISTER
        },
        exited={
            each.household_id: each.village_id
            for each in found
            if each.status == HOUSEHOLD_STATUS_EXITED
        },
    )


def get_lookback(connection: Connection, lookback_id: str, z_e4: int) -> pb.LookbackReport:
    """The campaign with its rates: as closed, or from the findings so far."""
    wanted = select(LOOKBACKS).where(LOOKBACKS.c.lookback_id == lookback_id)
    row = connection.execute(wanted).one_or_none()
    if row is None or row.opened is None:
        reject("lookback-not-known", field="lookback_id")
    opened = pb.LookbackOpened.FromString(row.opened)
    found = connection.execute(select(FINDINGS).where(FINDINGS.c.lookback_id == lookback_id)).all()
    done = {each.subject_id for each in found}
    so_far = ((each.village_id, each.stratum, each.verdict) for each in found)
    return pb.LookbackReport(
        lookback_id=lookback_id,
        region_id=row.region_id,
        seed=opened.seed,
        opened_on=row.opened_on,
        closed_on=row.closed_on or "",
        frames=opened.frames,
        open=[each for each in opened.sample if each.subject_id not in done],
        rates=pb.LookbackClosed.FromString(row.closed).rates
        if row.closed
        else rates(row.region_id, so_far, z_e4),
    )


def list_lookbacks(connection: Connection, query: pb.ListLookbacks) -> pb.LookbackPage:
    """The campaigns of a region and below."""
    wanted = select(LOOKBACKS).where(below(LOOKBACKS.c.region_id, query.region_id))
    key = (LOOKBACKS.c.region_id, LOOKBACKS.c.lookback_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return pb.LookbackPage(
        lookbacks=[
            pb.LookbackRow(
                lookback_id=row.lookback_id,
                region_id=row.region_id,
                opened_on=row.opened_on,
                closed_on=row.closed_on or "",
                sampled=row.sampled,
                found=row.found,
                wrong=row.wrong,
            )
            for row in found.rows
        ],
        next_page_token=found.next_page_token,
        total=found.total,
    )
