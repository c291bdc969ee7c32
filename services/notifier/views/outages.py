"""The answer to: when could a provider of chat not be reached?"""

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.outage_pb2 import ProviderFound, ProviderLost

METADATA = MetaData()

# No clock of an answer runs over more of them.
LATEST_COUNT = 200

OUTAGES = Table(
    "outages",
    METADATA,
    Column("provider", String(30), primary_key=True),
    Column("lost_at_us", BigInteger, primary_key=True, autoincrement=False),
    # 0 while it lasts.
    Column("found_at_us", BigInteger, server_default="0"),
)

EVENTS = (ProviderLost, ProviderFound)


def project(rows: Rows, envelope: Envelope, event: ProviderLost | ProviderFound) -> None:
    """One stream per provider: an outage is a row."""
    found_at_us = event.found_at_us if isinstance(event, ProviderFound) else 0
    rows.put(OUTAGES, (event.provider, event.lost_at_us), found_at_us=found_at_us)


VIEW = View(name="outages", tables=(OUTAGES,), topics=("message",), project=project, events=EVENTS)


def latest(connection: Connection) -> tuple[tuple[int, int], ...]:
    """From when to when, oldest first; to 0 while it lasts."""
    rows = connection.execute(
        select(OUTAGES).order_by(OUTAGES.c.lost_at_us.desc()).limit(LATEST_COUNT)
    ).all()
    return tuple((row.lost_at_us, row.found_at_us or 0) for row in reversed(rows))
