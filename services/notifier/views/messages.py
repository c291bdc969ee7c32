"""The answer to: what is to be sent next, and what became of each message?"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    and_,
    func,
    or_,
    select,
)

from chassis.views import Rows, View
from services.notifier.views.links import LINKS
from services.notifier.views.voice import HOUSEHOLD_LINKS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.message_pb2 import (
    MessageErrored,
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageSuperseded,
    MessageUncertain,
)
from tuopin.notifier.v1.resending_pb2 import MessageRerouted, MessageResent

METADATA = MetaData()

# No policy lets an attempt wait longer.
LONGEST_WAIT_US = 3_600_000_000

MESSAGES = Table(
    "messages",
    METADATA,
    Column("message_id", String(60), primary_key=True),
    # Six letters and digits that the person sees; a repeat carries the same.
    Column("reference", String(6)),
    Column("assignment_id", String(60)),
    # Whom it is for: a cadre, or a member of the household.
    Column("cadre_id", String(60)),
    Column("template", String(20)),
    Column("priority", Integer),
    # queued, uncertain, errored, sent, failed, unreachable
    Column("state", String(12)),
    Column("superseded", Integer, server_default="0"),
    # 1 while an attempt is to come.
    Column("waiting", Integer, server_default="0"),
    Column("attempts", Integer, server_default="0"),
    Column("queued_at_us", BigInteger),
    Column("next_try_at_us", BigInteger),
    # End of quiet hours, or of the wait for the household's other tasks; 0: at once.
    Column("not_before_us", BigInteger, server_default="0"),
    Column("household_id", String(60)),
    # What the household is asked about.
    Column("subject", String(120), server_default=""),
    Column("provider_message_id", BigInteger),
    # From which of the person's channels on they are tried; "": from the first.
    Column("channel", String(30), server_default=""),
    Column("village_id", String(12)),
    Column("reason", String(200)),
    # The span that queued it: sending, tap and edit are linked to it.
    Column("traceparent", String(60)),
    Column("version", Integer),
    Column("changed_at_us", BigInteger),
    Index("messages_by_rank", "waiting", "priority"),
    Index("messages_waiting", "waiting", "superseded", "next_try_at_us"),
    Index("messages_by_assignment", "assignment_id"),
    Index("messages_by_cadre", "cadre_id", "provider_message_id"),
    Index("messages_by_change", "changed_at_us"),
    Index("messages_by_reference", "reference"),
)

EVENTS = (
    MessageQueued,
    MessageSent,
    MessageUncertain,
    MessageErrored,
    MessageFailed,
    MessageSuperseded,
    MessageRerouted,
    MessageResent,
)
Event = (
    MessageQueued
    | MessageSent
    | MessageUncertain
    | MessageErrored
    | MessageFailed
    | MessageSuperseded
    | MessageRerouted
    | MessageResent
)


def reference_of(message_id: str) -> str:
    """A short code that follows from the message's id."""
    digest = hashlib.sha256(message_id.encode()).digest()
    return base64.b32encode(digest).decode()[:6]


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """One stream per message: the latest event wins."""
    key = (event.message_id,)
    rows.put(MESSAGES, key, version=envelope.version, changed_at_us=envelope.recorded_at_us)
    match event:
        case MessageQueued():
            rows.put(
                MESSAGES,
                key,
                reference=reference_of(event.message_id),
                assignment_id=event.assignment_id,
                cadre_id=event.cadre_id or event.person_id,
                template=event.template,
                priority=event.priority,
                state="queued",
                waiting=1,
                channel="",
                village_id=event.village_id,
                queued_at_us=envelope.recorded_at_us,
                # At once. Not recorded_at, which never decreases: with a clock that was set back
                # the message would wait until the clock is there again.
                next_try_at_us=0,
                not_before_us=event.not_before_us,
                household_id=event.household_id,
                subject=event.subject,
                provider_message_id=0,
                reason="",
                traceparent=envelope.traceparent,
            )
        case MessageSent():
            rows.put(
                MESSAGES,
                key,
                state="sent",
                waiting=0,
                attempts=event.attempt,
                provider_message_id=event.provider_message_id,
            )
        case MessageUncertain() | MessageErrored():
            rows.put(
                MESSAGES,
                key,
                state="uncertain" if isinstance(event, MessageUncertain) else "errored",
                attempts=event.attempt,
                next_try_at_us=event.next_try_at_us,
                reason=event.reason,
            )
        case MessageFailed():
            rows.put(
                MESSAGES,
                key,
                state="unreachable" if event.unreachable else "failed",
                waiting=0,
                attempts=event.attempt,
                reason=event.reason,
            )
        case MessageSuperseded():
            rows.put(MESSAGES, key, superseded=1)
        case MessageRerouted():
            rows.put(MESSAGES, key, attempts=event.attempt, reason=event.reason)
            rows.put(MESSAGES, key, state="queued", next_try_at_us=0, channel=event.channel)
        case MessageResent():
            rows.put(MESSAGES, key, state="queued", waiting=1, next_try_at_us=0, channel="")


VIEW = View(
    name="messages", tables=(MESSAGES,), topics=("message",), project=project, events=EVENTS
)


def due(connection: Connection, now_us: int, most: int) -> Sequence[Row[Any]]:
    """What may be sent now: for each linked person the first in rank, then by rank and age."""
    turn = (
        func.row_number()
        .over(
            partition_by=MESSAGES.c.cadre_id,
            order_by=(MESSAGES.c.priority, MESSAGES.c.queued_at_us, MESSAGES.c.message_id),
        )
        .label("turn")
    )
    waiting = (
        select(MESSAGES, turn)
        .where(
            MESSAGES.c.waiting == 1,
            MESSAGES.c.superseded == 0,
            func.coalesce(MESSAGES.c.not_before_us, 0) <= now_us,
            # Later than any wait we set: the clock was set back meanwhile.
            or_(
                MESSAGES.c.next_try_at_us <= now_us,
                MESSAGES.c.next_try_at_us > now_us + LONGEST_WAIT_US,
            ),
        )
        .subquery()
    )
    member = and_(
        HOUSEHOLD_LINKS.c.household_id == waiting.c.household_id,
        HOUSEHOLD_LINKS.c.person_id == waiting.c.cadre_id,
        HOUSEHOLD_LINKS.c.chat_id != "",
    )
    chat_id = func.coalesce(LINKS.c.chat_id, HOUSEHOLD_LINKS.c.chat_id)
    return connection.execute(
        select(waiting, chat_id.label("chat_id"), LINKS.c.channels)
        .outerjoin(LINKS, LINKS.c.cadre_id == waiting.c.cadre_id)
        .outerjoin(HOUSEHOLD_LINKS, member)
        .where(waiting.c.turn == 1, or_(chat_id.is_not(None), LINKS.c.channels.is_not(None)))
        .order_by(waiting.c.priority, waiting.c.queued_at_us, waiting.c.message_id)
        .limit(most)
    ).all()


def alerts_due(connection: Connection, now_us: int) -> set[str]:
    """Messages of the first rank that may be sent now to somebody who can be reached."""
    return set(
        connection.scalars(
            select(MESSAGES.c.message_id)
            .join(LINKS, LINKS.c.cadre_id == MESSAGES.c.cadre_id)
            .where(
                MESSAGES.c.waiting == 1,
                MESSAGES.c.superseded == 0,
                MESSAGES.c.priority == 0,
                MESSAGES.c.next_try_at_us <= now_us,
                or_(LINKS.c.chat_id.is_not(None), LINKS.c.channels.is_not(None)),
            )
        )
    )


def to_try_again(connection: Connection) -> bool:
    """Whether a message waits for its next attempt."""
    failed = select(MESSAGES.c.message_id).where(
        MESSAGES.c.waiting == 1,
        MESSAGES.c.superseded == 0,
        MESSAGES.c.state.in_(("errored", "uncertain")),
    )
    return connection.execute(failed.limit(1)).first() is not None


def waiting_counts(connection: Connection) -> Mapping[int, int]:
    """How many messages of each rank wait to be sent."""
    waiting = (
        select(MESSAGES.c.priority, func.count())
        .where(MESSAGES.c.waiting == 1, MESSAGES.c.superseded == 0)
        .group_by(MESSAGES.c.priority)
    )
    return {row[0]: row[1] for row in connection.execute(waiting)}


def message_row(connection: Connection, message_id: str) -> Row[Any] | None:
    """The message, or None."""
    return connection.execute(select(MESSAGES).where(MESSAGES.c.message_id == message_id)).first()


def replied_to(
    connection: Connection, cadre_id: str, provider_message_id: int, reference: str
) -> Row[Any] | None:
    """The message a person answers: by the provider's number, or by the reference it shows.

    A copy whose sending was uncertain has no number here, but shows the reference.
    """
    mine = select(MESSAGES).where(MESSAGES.c.cadre_id == cadre_id)
    found = connection.execute(
        mine.where(MESSAGES.c.provider_message_id == provider_message_id)
    ).first()
    if found is None and reference:
        found = connection.execute(mine.where(MESSAGES.c.reference == reference)).first()
    return found


def told_about(
    connection: Connection, assignment_ids: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """State and reference of the messages about each assignment, in the order of their queueing."""
    told: dict[str, list[str]] = {}
    for row in connection.execute(
        select(MESSAGES)
        .where(MESSAGES.c.assignment_id.in_(assignment_ids))
        .order_by(MESSAGES.c.queued_at_us, MESSAGES.c.message_id)
    ):
        state = "superseded" if row.superseded else row.state
        told.setdefault(row.assignment_id, []).append(f"{state} #{row.reference}")
    return told


def held_until(connection: Connection, cadre_id: str, household_id: str) -> tuple[int, ...]:
    """Until when the offers of a household to a person wait that have not been tried yet."""
    return tuple(
        connection.scalars(
            select(MESSAGES.c.not_before_us)
            .where(
                MESSAGES.c.cadre_id == cadre_id,
                MESSAGES.c.household_id == household_id,
                MESSAGES.c.waiting == 1,
                MESSAGES.c.attempts == 0,
                MESSAGES.c.not_before_us > 0,
            )
            .order_by(MESSAGES.c.not_before_us)
        )
    )


def unreachable_since(connection: Connection, cadre_id: str) -> int:
    """When the latest attempt to reach the person failed for good; 0 when it did not."""
    latest = connection.execute(
        select(MESSAGES.c.state, MESSAGES.c.changed_at_us)
        .where(MESSAGES.c.cadre_id == cadre_id, MESSAGES.c.state.in_(("sent", "unreachable")))
        .order_by(MESSAGES.c.changed_at_us.desc(), MESSAGES.c.message_id)
        .limit(1)
    ).first()
    return int(latest.changed_at_us) if latest and latest.state == "unreachable" else 0


def traceparents_of(connection: Connection, assignment_id: str, cadre_id: str) -> list[str]:
    """Which spans queued the messages to this person about the assignment."""
    return list(
        connection.scalars(
            select(MESSAGES.c.traceparent)
            .where(MESSAGES.c.assignment_id == assignment_id, MESSAGES.c.cadre_id == cadre_id)
            .order_by(MESSAGES.c.queued_at_us, MESSAGES.c.message_id)
        )
    )
