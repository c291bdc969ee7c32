"""The notifier's own copy of: which list of regions is in force."""

from sqlalchemy import Column, Connection, MetaData, String, Table, select

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.region_pb2 import RegionsAdopted

METADATA = MetaData()

EDITIONS = Table(
    "region_editions",
    METADATA,
    Column("stream", String(60), primary_key=True),
    Column("name", String(100)),
    Column("sha256", String(64)),
)


def project(rows: Rows, envelope: Envelope, event: RegionsAdopted) -> None:
    """One stream per country: the latest edition wins."""
    rows.put(EDITIONS, (envelope.stream,), name=event.edition.name, sha256=event.edition.sha256)


VIEW = View(
    name="region-editions",
    tables=(EDITIONS,),
    topics=("region",),
    project=project,
    events=(RegionsAdopted,),
)


def digest_in_force(connection: Connection) -> str:
    """Digest of the list's file; "" while none was adopted."""
    return str(connection.scalar(select(EDITIONS.c.sha256).limit(1)) or "")
