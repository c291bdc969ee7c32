"""The answer to: who is in the register, and what did a household's file say, as of which day and
as known when?
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

from chassis.paging import below, page
from chassis.views import Rows, View
from services.registry.views import spans
from services.registry.views.folding import APPLIERS, Version, fold
from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
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
REGISTERED = HouseholdRegistered.DESCRIPTOR.full_name
_STATUS = {
    HouseholdRegistered: HOUSEHOLD_STATUS_REGISTERED,
    ExitProposed: HOUSEHOLD_STATUS_EXIT_PROPOSED,
    ExitVerified: HOUSEHOLD_STATUS_EXIT_VERIFIED,
    ExitAgreed: HOUSEHOLD_STATUS_EXIT_AGREED,
    HouseholdExited: HOUSEHOLD_STATUS_EXITED,
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
    status = _STATUS.get(type(event)) or getattr(event, "status", None)
    current: dict[str, Any] = {} if status is None else {"status": status}
    match event:
        case HouseholdRegistered():
            current |= {
                "household_number": event.household_number,
                "village_id": event.village_id,
                "attribute": event.attribute,
                "main_cause": event.main_cause,
                "member_count": len(event.members),
                "income_per_head_fen": event.income_per_head_fen,
                "registered_on": event.effective_on,
                "synthetic": event.synthetic,
            }
    if current:
        rows.put(HOUSEHOLDS, (event.household_id,), **current)


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
            versions.household_id == household_id,
            versions.effective_on <= as_of,
            versions.recorded_at_us <= known_at_us,
        )
        .order_by(versions.version)
    )
    return fold(Version(*row) for row in found)


def registered_contents(connection: Connection, household_ids: Sequence[str]) -> dict[str, bytes]:
    """HouseholdRegistered, still sealed, of those households that are in the register."""
    versions = HOUSEHOLD_VERSIONS.c
    found = connection.execute(
        select(versions.household_id, versions.event).where(
            versions.household_id.in_(household_ids), versions.type == REGISTERED
        )
    )
    return {row.household_id: row.event for row in found}


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
        registered_on=row.registered_on,
        synthetic=row.synthetic,
    )
