"""The answer to: which chat is a cadre's?"""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Row, String, Table, Text, select

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.link_pb2 import ChatLinked, LinkIssued
from tuopin.notifier.v1.linking_pb2 import ChannelsChosen, LanguageChosen, LinkRevoked

METADATA = MetaData()

LINKS = Table(
    "links",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("region_id", String(12)),
    # Sealed under the cadre's key; opened by the sender only.
    Column("chat_id", Text),
    Column("linked_at_us", BigInteger),
    # Chosen in the chat; nothing while the one of the appointment holds.
    Column("language", String(2)),
    # In the order in which the person is tried, with commas between; nothing: by the chat alone.
    Column("channels", String(100)),
)

EVENTS = (LinkIssued, ChatLinked, LinkRevoked, LanguageChosen, ChannelsChosen)
Event = LinkIssued | ChatLinked | LinkRevoked | LanguageChosen | ChannelsChosen

# Of everybody who has chosen none.
DEFAULT_CHANNELS = ("telegram",)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """One stream per cadre: the latest event wins."""
    match event:
        case LinkIssued():
            rows.put(LINKS, (event.cadre_id,), region_id=event.region_id)
        case ChatLinked():
            rows.put(
                LINKS,
                (event.cadre_id,),
                chat_id=event.chat_id,
                linked_at_us=envelope.recorded_at_us,
            )
        case LinkRevoked():
            rows.put(LINKS, (event.cadre_id,), chat_id=None)
        case LanguageChosen():
            rows.put(LINKS, (event.cadre_id,), language=event.language)
        case ChannelsChosen():
            rows.put(LINKS, (event.cadre_id,), channels=",".join(event.channels))


VIEW = View(name="links", tables=(LINKS,), topics=("link",), project=project, events=EVENTS)


def link_row(connection: Connection, cadre_id: str) -> Row[Any] | None:
    """The cadre's link, or None."""
    return connection.execute(select(LINKS).where(LINKS.c.cadre_id == cadre_id)).first()


def channels_of(connection: Connection, cadre_id: str) -> tuple[str, ...]:
    """By what the cadre is tried, in this order."""
    row = link_row(connection, cadre_id)
    chosen = str(row.channels or "") if row is not None else ""
    return tuple(chosen.split(",")) if chosen else DEFAULT_CHANNELS
