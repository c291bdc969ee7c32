"""The answer to: what did a county's yearly round change?"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    select,
)

from chassis.paging import below, page
from chassis.views import Rows, View
from services.registry.decider.round import round_id_of
from services.registry.views.households import HOUSEHOLDS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import round_pb2 as pb
from tuopin.registry.v1.identification_pb2 import HouseholdSupplemented
from tuopin.registry.v1.lookback_pb2 import SupplementProposed

METADATA = MetaData()

COUNTED = (
    "removals_proposed", "households_removed", "people_removed", "supplements_proposed",
    "households_supplemented", "people_supplemented", "people_joined", "people_left",
)  # fmt: skip

ROUNDS = Table(
    "rounds",
    METADATA,
    Column("round_id", String(60), primary_key=True),
    # Empty while things are counted for a round that nobody has opened.
    Column("county_id", String(6)),
    Column("year", Integer),
    Column("opened_on", String(10)),
    Column("closed_on", String(10)),
    *(Column(name, BigInteger, server_default="0") for name in COUNTED),
    Index("rounds_by_county", "county_id", "round_id"),
)

EVENTS = (
    pb.RoundOpened,
    pb.RoundClosed,
    pb.RemovalProposed,
    pb.HouseholdRemoved,
    HouseholdSupplemented,
    SupplementProposed,
)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """What names its round counts there; the rest counts by county and year of its day."""
    match event:
        case pb.RoundOpened():
            rows.put(
                ROUNDS,
                (event.round_id,),
                county_id=event.county_id,
                year=event.year,
                opened_on=event.effective_on,
            )
        case pb.RoundClosed():
            rows.put(ROUNDS, (event.round_id,), closed_on=event.effective_on)
        case pb.HouseholdRemoved():
            added = {"households_removed": 1, "people_removed": event.member_count}
            rows.add(ROUNDS, (event.round_id,), **added)
        case HouseholdSupplemented():
            added = {"households_supplemented": 1, "people_supplemented": event.member_count}
            rows.add(ROUNDS, (event.round_id,), **added)
        case pb.RemovalProposed():
            rows.add(ROUNDS, _of_its_day(event), removals_proposed=1)
        case SupplementProposed():
            rows.add(ROUNDS, _of_its_day(event), supplements_proposed=1)


def _of_its_day(event: Any) -> tuple[str]:
    return (round_id_of(event.village_id[:6], int(event.effective_on[:4])),)


VIEW = View(
    name="rounds",
    tables=(ROUNDS,),
    topics=("household",),
    project=project,
    events=EVENTS,
)


def open_for(connection: Connection, command: pb.RemoveHousehold) -> bool:
    """Whether the round that the command names is an open one of the household's county."""
    columns = HOUSEHOLDS.c
    village_id = connection.scalar(
        select(columns.village_id).where(columns.household_id == command.household_id)
    )
    return bool(village_id) and is_open(connection, command.round_id, village_id or "")


def is_open(connection: Connection, round_id: str, village_id: str) -> bool:
    """Whether this round of the village's county is open."""
    wanted = select(ROUNDS.c.county_id, ROUNDS.c.closed_on).where(ROUNDS.c.round_id == round_id)
    row = connection.execute(wanted).one_or_none()
    return bool(
        row and row.county_id and village_id.startswith(row.county_id) and not row.closed_on
    )


def list_rounds(connection: Connection, query: pb.ListRounds) -> pb.RoundPage:
    """The rounds below a region, county by county."""
    wanted = select(ROUNDS).where(
        below(ROUNDS.c.county_id, query.region_id), ROUNDS.c.county_id.is_not(None)
    )
    key = (ROUNDS.c.county_id, ROUNDS.c.round_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return pb.RoundPage(
        rounds=[
            pb.Round(
                round_id=row.round_id,
                county_id=row.county_id,
                year=row.year,
                opened_on=row.opened_on,
                closed_on=row.closed_on or "",
                **{name: getattr(row, name) for name in COUNTED},
            )
            for row in found.rows
        ],
        next_page_token=found.next_page_token,
        total=found.total,
    )
