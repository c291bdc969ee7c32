"""The answer to: which cadre is resident in which village, as first secretary or in the team?"""

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.training.v1.cadre_pb2 import (
    POST_FIRST_SECRETARY,
    POST_RESIDENT_TEAM,
    CadreDeparted,
    CadrePosted,
    PostEnded,
)

METADATA = MetaData()

RESIDENTS = Table(
    "residents",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("village_id", String(12), primary_key=True),
    Column("post", Integer, primary_key=True),
    Column("since", String(10)),
)
DEPARTED = Table(
    "departed_cadres",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("on", String(10)),
)
RESIDENT = frozenset({POST_FIRST_SECRETARY, POST_RESIDENT_TEAM})
Event = CadrePosted | PostEnded | CadreDeparted


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """A row per post that makes somebody resident; who departed holds none of them any more."""
    match event:
        case CadrePosted() if event.post in RESIDENT:
            key = (event.cadre_id, event.region_id, event.post)
            rows.put(RESIDENTS, key, since=event.effective_on)
        case PostEnded() if event.post in RESIDENT:
            rows.forget(RESIDENTS, (event.cadre_id, event.region_id, event.post))
        case CadreDeparted():
            rows.put(DEPARTED, (event.cadre_id,), on=event.effective_on)


VIEW = View(
    name="residents",
    tables=(RESIDENTS, DEPARTED),
    topics=("cadre",),
    project=project,
    events=(CadrePosted, PostEnded, CadreDeparted),
)


def villages_of(connection: Connection, cadre_id: str) -> frozenset[str]:
    """The villages this cadre is resident in now."""
    departed = select(DEPARTED.c.cadre_id).where(DEPARTED.c.cadre_id == cadre_id)
    if connection.scalar(departed):
        return frozenset()
    found = connection.scalars(
        select(RESIDENTS.c.village_id).where(RESIDENTS.c.cadre_id == cadre_id)
    )
    return frozenset(found)
