"""The answer to: who is in the register, and what did a household's file say, as of which day and
as known when?
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
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
    select,
)

from chassis.paging import below, page
from chassis.views import Rows, View
from services.registry.views import spans
from services.registry.views.folding import APPLIERS, Version, fold
from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.composition_pb2 import (
    HouseholdMergedAway,
    HouseholdRestored,
    HouseholdsMerged,
    HouseholdSplit,
    HouseholdsUnmerged,
)
from tuopin.registry.v1.correction_pb2 import DateCorrected, HouseholdCorrected
from tuopin.registry.v1.exit_pb2 import (
    ExitAnnounced,
    ExitAppraised,
    ExitReviewedAtCounty,
    ExitReviewedAtTownship,
    HouseholdReinstated,
)
from tuopin.registry.v1.file_pb2 import (
    AttributeChanged,
    CausesChanged,
    HouseholdMoved,
    IncomeStated,
    MemberJoined,
    MemberLeft,
)
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_ANNOUNCED,
    HOUSEHOLD_STATUS_APPLIED,
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_ANNOUNCED,
    HOUSEHOLD_STATUS_EXIT_APPRAISED,
    HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_MERGED,
    HOUSEHOLD_STATUS_REGISTERED,
    HOUSEHOLD_STATUS_RELAPSED,
    ExitAgreed,
    ExitProposed,
    ExitVerified,
    Household,
    HouseholdExited,
    HouseholdPage,
    HouseholdRegistered,
    HouseholdRow,
    ListHouseholds,
)
from tuopin.registry.v1.identification_pb2 import HouseholdAnnounced, HouseholdApplied
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

METADATA = MetaData()

HOUSEHOLDS = Table(
    "households",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("household_number", String(40)),
    Column("village_id", String(12)),
    Column("status", Integer),
    Column("attribute", Integer),
    Column("main_cause", Integer),
    Column("member_count", Integer),
    Column("income_per_head_fen", BigInteger),
    Column("registered_on", String(10)),
    Column("synthetic", Boolean),
    Index("households_by_village", "village_id", "household_id"),
)

EVENTS = tuple(APPLIERS)
# What a correction can change.
_COLUMNS = frozenset(
    {"village_id", "attribute", "main_cause", "member_count", "income_per_head_fen"}
)
# Columns that an event says anew.
_SAYS: Mapping[type[Message], tuple[str, ...]] = {
    IncomeStated: ("income_per_head_fen",),
    MemberJoined: ("member_count",),
    MemberLeft: ("member_count",),
    HouseholdSplit: ("member_count",),
    HouseholdsMerged: ("member_count",),
    HouseholdsUnmerged: ("member_count",),
    HouseholdMoved: ("village_id",),
    HouseholdRezoned: ("village_id",),
    AttributeChanged: ("attribute",),
    CausesChanged: ("main_cause",),
}
_STATUS = {
    HouseholdRegistered: HOUSEHOLD_STATUS_REGISTERED,
    ExitProposed: HOUSEHOLD_STATUS_EXIT_PROPOSED,
    ExitVerified: HOUSEHOLD_STATUS_EXIT_VERIFIED,
    ExitAgreed: HOUSEHOLD_STATUS_EXIT_AGREED,
    HouseholdExited: HOUSEHOLD_STATUS_EXITED,
    HouseholdApplied: HOUSEHOLD_STATUS_APPLIED,
    HouseholdAnnounced: HOUSEHOLD_STATUS_ANNOUNCED,
    ExitAppraised: HOUSEHOLD_STATUS_EXIT_APPRAISED,
    ExitReviewedAtTownship: HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED,
    ExitReviewedAtCounty: HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED,
    ExitAnnounced: HOUSEHOLD_STATUS_EXIT_ANNOUNCED,
    HouseholdReinstated: HOUSEHOLD_STATUS_RELAPSED,
    HouseholdMergedAway: HOUSEHOLD_STATUS_MERGED,
}


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One row per household as it is now, and one per version of it."""
    rows.put(
        HOUSEHOLD_VERSIONS,
        (event.household_id, envelope.version),
        effective_on=envelope.effective_on,
        recorded_at_us=envelope.recorded_at_us,
        type=envelope.type,
        event=envelope.data,
    )
    # An event that can lead to several states says to which one.
    status = getattr(event, "status", None) or _STATUS.get(type(event))
    current: dict[str, Any] = {} if status is None else {"status": status}
    match event:
        case HouseholdCorrected():
            said = (*event.corrected, "member_count", "income_per_head_fen")
            current |= {name: getattr(event, name) for name in said if name in _COLUMNS}
        case HouseholdMergedAway():
            current |= {"member_count": 0}
        case HouseholdRestored():
            current |= {"member_count": len(event.members)}
        case DateCorrected() if event.of_registration:
            current |= {"registered_on": event.effective_on}
        case HouseholdRegistered():
            current |= _columns(event) | {"registered_on": event.effective_on}
        case HouseholdApplied():
            current |= _columns(event.file)
        case _:
            current |= {name: getattr(event, name) for name in _SAYS.get(type(event), ())}
    if current:
        rows.put(HOUSEHOLDS, (event.household_id,), **current)


def _columns(file: HouseholdRegistered) -> dict[str, Any]:
    return {
        "household_number": file.household_number,
        "village_id": file.village_id,
        "attribute": file.attribute,
        "main_cause": file.main_cause,
        "member_count": len(file.members),
        "income_per_head_fen": file.income_per_head_fen,
        "synthetic": file.synthetic,
    }


VIEW = View(
    name="households",
    tables=(HOUSEHOLDS, HOUSEHOLD_VERSIONS, spans.SPANS, spans.HEADS, spans.SUMS),
    topics=("household",),
    project=project,
    events=EVENTS,
    derive=spans.derive,
)


def household_as_of(
    connection: Connection, household_id: str, as_of: str, known_at_us: int
) -> Household | None:
    """The file as it stood on a day, as far as it was known at a moment; still sealed.

    None when there was no such household then.
    """
    versions = HOUSEHOLD_VERSIONS.c
    found = connection.execute(
        select(versions.version, versions.effective_on, versions.type, versions.event)
        .where(
            # Not by day: a correction may have moved the day of what it corrects.
            versions.household_id == household_id,
            versions.recorded_at_us <= known_at_us,
        )
        .order_by(versions.version)
    )
    return fold((Version(*row) for row in found), as_of)


def files_now(connection: Connection, household_ids: Sequence[str]) -> dict[str, Household]:
    """The files, still sealed, of those households that are in the register."""
    versions = HOUSEHOLD_VERSIONS.c
    found = connection.execute(
        select(
            versions.household_id,
            versions.version,
            versions.effective_on,
            versions.type,
            versions.event,
        )
        .where(versions.household_id.in_(household_ids))
        .order_by(versions.household_id, versions.version)
    )
    files = {
        household_id: fold(Version(*row[1:]) for row in rows)
        for household_id, rows in groupby(found, key=lambda row: str(row[0]))
    }
    return {household_id: file for household_id, file in files.items() if file is not None}


def list_households(connection: Connection, query: ListHouseholds) -> HouseholdPage:
    """The households below a region, village by village."""
    wanted = select(HOUSEHOLDS).where(below(HOUSEHOLDS.c.village_id, query.region_id))
    if query.status:
        wanted = wanted.where(HOUSEHOLDS.c.status == query.status)
    key = (HOUSEHOLDS.c.village_id, HOUSEHOLDS.c.household_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return HouseholdPage(
        households=map(row_of, found.rows),
        next_page_token=found.next_page_token,
        total=found.total,
    )


def row_of(row: Row[Any]) -> HouseholdRow:
    """A line of the list from a row with its columns."""
    return HouseholdRow(
        household_id=row.household_id,
        household_number=row.household_number,
        village_id=row.village_id,
        status=row.status,
        attribute=row.attribute,
        main_cause=row.main_cause,
        member_count=row.member_count,
        income_per_head_fen=row.income_per_head_fen,
        registered_on=row.registered_on or "",
        synthetic=row.synthetic,
    )
