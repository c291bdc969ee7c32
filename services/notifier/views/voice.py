"""The answer to: which members of a household speak for it, and through which chat?"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    select,
)

from chassis.views import Rows, View
from services.notifier.decider.voicestate import Membership
from services.notifier.views.households import household_row
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.voice_pb2 import HouseholdChatLinked, HouseholdLink, HouseholdUnlinked
from tuopin.registry.v1.file_pb2 import MemberJoined, MemberLeft
from tuopin.registry.v1.household_pb2 import HouseholdRegistered, PersonErased

METADATA = MetaData()

MEMBERS = Table(
    "household_members",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("person_id", String(60), primary_key=True),
    # 1 while the person belongs to the household and is not erased.
    Column("present", Integer, server_default="0"),
)

HOUSEHOLD_LINKS = Table(
    "household_links",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("person_id", String(60), primary_key=True),
    Column("village_id", String(12)),
    # Sealed under the person's key; "" when none is linked (any more).
    Column("chat_id", Text),
    Column("language", String(2)),
    Column("linked_at_us", BigInteger),
)


def project_members(
    rows: Rows,
    envelope: Envelope,
    event: HouseholdRegistered | MemberJoined | MemberLeft | PersonErased,
) -> None:
    """Who may be given a code."""
    match event:
        case HouseholdRegistered():
            for member in event.members:
                rows.put(MEMBERS, (event.household_id, member.person_id), present=1)
        case MemberJoined():
            rows.put(MEMBERS, (event.household_id, event.member.person_id), present=1)
        case MemberLeft() | PersonErased():
            rows.put(MEMBERS, (event.household_id, event.person_id), present=0)


def project(rows: Rows, envelope: Envelope, event: HouseholdChatLinked | HouseholdUnlinked) -> None:
    """One stream per household: the latest event about a member wins."""
    key = (event.household_id, event.person_id)
    match event:
        case HouseholdChatLinked():
            rows.put(
                HOUSEHOLD_LINKS,
                key,
                village_id=event.village_id,
                chat_id=event.chat_id,
                language=event.language,
                linked_at_us=envelope.recorded_at_us,
            )
        case HouseholdUnlinked():
            rows.put(HOUSEHOLD_LINKS, key, chat_id="", linked_at_us=0)


MEMBER_VIEW = View(
    name="household-members",
    tables=(MEMBERS,),
    topics=("household",),
    project=project_members,
    events=(HouseholdRegistered, MemberJoined, MemberLeft, PersonErased),
)
VIEW = View(
    name="household-links",
    tables=(HOUSEHOLD_LINKS,),
    topics=("voice",),
    project=project,
    events=(HouseholdChatLinked, HouseholdUnlinked),
)


def membership(connection: Connection, household_id: str) -> Membership:
    """Village and members; FactMissing while the household has not been heard of."""
    village_id = str(household_row(connection, household_id).village_id)
    present = connection.scalars(
        select(MEMBERS.c.person_id).where(
            MEMBERS.c.household_id == household_id, MEMBERS.c.present == 1
        )
    )
    return Membership(village_id, frozenset(present))


def household_link(connection: Connection, household_id: str, person_id: str) -> Row[Any] | None:
    """A member's linked chat, or None."""
    row = connection.execute(
        select(HOUSEHOLD_LINKS).where(
            HOUSEHOLD_LINKS.c.household_id == household_id,
            HOUSEHOLD_LINKS.c.person_id == person_id,
        )
    ).first()
    return row if row is not None and row.chat_id else None


def household_links(connection: Connection, household_id: str) -> Sequence[HouseholdLink]:
    """All members that ever had a chat linked."""
    found = connection.execute(
        select(HOUSEHOLD_LINKS)
        .where(HOUSEHOLD_LINKS.c.household_id == household_id)
        .order_by(HOUSEHOLD_LINKS.c.person_id)
    )
    return [
        HouseholdLink(
            household_id=row.household_id,
            person_id=row.person_id,
            linked=bool(row.chat_id),
            linked_at_us=row.linked_at_us or 0,
            language=row.language or "",
        )
        for row in found
    ]
