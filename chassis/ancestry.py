"""What belongs to an id: events that name it, what they caused, and what caused them.

An index of mentions, kept as a view of the service's own topics, leads to them: what a trace costs
follows from what it finds, not from the length of the log. What the index has not reached yet is
looked through. Causes lead from service to service by event ids; whoever asks follows them.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import BigInteger, Column, Connection, MetaData, SmallInteger, String, Table, select

from chassis.envelope import event_of, parse
from chassis.feedtables import Lane
from chassis.store import Record, Store
from chassis.views import Rows, View
from chassis.viewstore import ViewStore
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.types.v1.types_pb2 import ReactionRefused

NAME = "mentions"
READ_COUNT = 2_000
KEYS_COUNT = 500
# Hops along causes that a trace follows; the longest way in the system has fewer.
HOPS_MAX = 8
KEY_BYTES = 8
# Region codes have at most so many digits: half of the log would name one.
REGION_DIGITS = 12
# Fields that hold an id besides those that end in _id or _ids.
ID_FIELDS = frozenset({"subject", "asked_by", "caused_by"})

METADATA = MetaData()

MENTIONS = Table(
    "mentions",
    METADATA,
    # Of the digest of what is mentioned: what is found is looked at before it counts.
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", String(40), primary_key=True),
    Column("partition", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("seen", SmallInteger, server_default="1"),
    sqlite_with_rowid=False,
)


def mentioned(envelope: Envelope, event: Message) -> set[str]:
    """Ids that an event is found by: its own, its stream's, its command's, its cause's, and those
    in its top-level fields.
    """
    found = {
        envelope.id,
        envelope.stream,
        envelope.stream.partition("-")[2],
        envelope.command_id,
        envelope.caused_by,
    }
    for descriptor, value in event.ListFields():
        if descriptor.type != descriptor.TYPE_STRING or not _holds_id(descriptor.name):
            continue
        found.update((value,) if isinstance(value, str) else value)
    return {each for each in found if each and not _is_region(each)}


def key_of(reference: str) -> int:
    """The number a mention is kept under."""
    digest = hashlib.blake2b(reference.encode(), digest_size=KEY_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)


def project(rows: Rows, envelope: Envelope, event: Message) -> None:
    """One row per id and event."""
    place = (envelope.topic, envelope.partition, envelope.position)
    for each in mentioned(envelope, event):
        rows.put(MENTIONS, (key_of(each), *place), seen=1)


def mentions_view(topics: Sequence[str], events: Iterable[type[Message]]) -> View:
    """The index of one service's own topics."""
    return View(
        name=NAME,
        tables=(MENTIONS,),
        topics=tuple(topics),
        project=project,
        events=(*dict.fromkeys((*events, ReactionRefused)),),
    )


async def trace(
    reference: str, event_ids: Sequence[str], store: Store, topics: Sequence[str], views: ViewStore
) -> AsyncIterator[Record]:
    """The store's own records that belong to the reference, or lie one hop beside the events that
    are named, and what these lead to.
    """
    wanted = {each for each in (reference, *event_ids) if each}
    looked: set[str] = set()
    found: dict[tuple[Lane, int], Record] = {}
    tail = await _tail(store, topics, views)
    for _ in range(HOPS_MAX):
        fresh = wanted - looked
        if not fresh:
            break
        looked |= fresh
        for record in await _about(fresh, store, views, tail):
            envelope = parse(record.envelope)
            found[(envelope.topic, envelope.partition), record.position] = record
            # From here on by causes only: an id that it also names is another story.
            wanted.update(each for each in (envelope.id, envelope.caused_by) if each)
    for place in sorted(found):
        yield found[place]


async def _about(
    wanted: set[str], store: Store, views: ViewStore, tail: Sequence[Record]
) -> list[Record]:
    """Records that mention one of these."""
    keys = sorted(map(key_of, wanted))

    def places(connection: Connection) -> list[Any]:
        rows: list[Any] = []
        for start in range(0, len(keys), KEYS_COUNT):
            some = keys[start : start + KEYS_COUNT]
            rows += connection.execute(select(MENTIONS).where(MENTIONS.c.key.in_(some))).all()
        return rows

    records = list(tail)
    for row in await views.query(places):
        records += await store.read(row.topic, row.partition, row.position - 1, 1)
    return [each for each in records if not wanted.isdisjoint(_mentioned_in(each))]


def _mentioned_in(record: Record) -> set[str]:
    envelope = parse(record.envelope)
    return mentioned(envelope, event_of(envelope))


async def _tail(store: Store, topics: Sequence[str], views: ViewStore) -> list[Record]:
    """What the index has not reached yet."""
    at = await views.query(lambda connection: views.load_checkpoints(connection, NAME))
    records: list[Record] = []
    for topic in topics:
        for head in await store.heads(topic):
            reached = at.get((topic, head.partition))
            after = reached.position if reached is not None else 0
            while after < head.position:
                some = await store.read(topic, head.partition, after, READ_COUNT)
                if not some:
                    break
                records += some
                after = some[-1].position
    return records


def _holds_id(name: str) -> bool:
    return name.endswith(("_id", "_ids")) or name in ID_FIELDS


def _is_region(value: str) -> bool:
    return len(value) <= REGION_DIGITS and value.isdecimal()
