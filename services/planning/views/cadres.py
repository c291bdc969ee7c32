"""Planning's own copy of the cadres and where each is posted."""

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select

from chassis.rejection import FactMissing
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.training.v1.cadre_pb2 import CadreAppointed, CadreDeparted, CadrePosted, PostEnded

METADATA = MetaData()

CADRES = Table(
    "cadres",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("region_id", String(12)),
)

POSTINGS = Table(
    "cadre_postings",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("region_id", String(12), primary_key=True),
    Column("post", Integer, primary_key=True, autoincrement=False),
    Column("since", String(10)),
)

EVENTS = (CadreAppointed, CadrePosted, PostEnded, CadreDeparted)
Event = CadreAppointed | CadrePosted | PostEnded | CadreDeparted


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """Appointments make a cadre known, postings say where; a post that is over is gone."""
    match event:
        case CadreAppointed():
            rows.put(CADRES, (event.cadre_id,), region_id=event.region_id)
        case CadrePosted():
            key = (event.cadre_id, event.region_id, event.post)
            rows.put(POSTINGS, key, since=event.effective_on)
        case PostEnded():
            rows.forget(POSTINGS, (event.cadre_id, event.region_id, event.post))
        case CadreDeparted():
            for each in event.posts:
                rows.forget(POSTINGS, (event.cadre_id, each.region_id, each.post))


VIEW = View(
    name="cadres", tables=(CADRES, POSTINGS), topics=("cadre",), project=project, events=EVENTS
)


def posted_regions(connection: Connection, cadre_id: str) -> frozenset[str]:
    """Regions the cadre is posted to; FactMissing while the cadre has not been heard of."""
    known = connection.scalar(select(CADRES.c.region_id).where(CADRES.c.cadre_id == cadre_id))
    if known is None:
        raise FactMissing("cadre", cadre_id)
    return frozenset(
        connection.scalars(select(POSTINGS.c.region_id).where(POSTINGS.c.cadre_id == cadre_id))
    )
