"""Reads of personal data: for a purpose, on record before the answer leaves, masked without one.

The guard of every rpc (chassis/server.py) asks here: which methods show people is found from their
answers' fields, so that none can be forgotten.
"""

import os
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message

from chassis.access import covers
from chassis.clock import Clock
from chassis.decider import PROGRAMME_ZONE, Actor, Parameters
from chassis.fields import SEALED, personal_of
from chassis.personal import places, put
from chassis.rejection import require
from chassis.store.model import Append, NewEvent, Store, StreamWrite
from chassis.telemetry import traceparent
from tuopin.access.v1.access_pb2 import PersonalDataRead
from tuopin.options.v1 import options_pb2 as options

# Metadata of a call.
PURPOSE = "tuopin-purpose"
BREAK_GLASS = "tuopin-break-glass"
TABLE = "access"
PURPOSES = "purposes"
# What a break-glass access is for says its own record.
BROKEN_GLASS = "break-glass"
READ_ID_BYTES = 16
_MASK = "**"
# Of a number so much stays that two can be told apart.
_LAST_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Showing:
    """What a method shows of people."""

    method: str
    # Request field that says whose bytes they are; empty where the answer's fields say it.
    subject: str
    own_right: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """A break-glass access as the guard needs to know it."""

    break_glass_id: str
    reader: str
    # One of the two: a region with all below it, or one household.
    region_id: str
    household_id: str
    until_us: int
    open: bool

    def holds(self, reader: str, now_us: int) -> bool:
        """Whether this reader may still use it."""
        return self.open and self.reader == reader and now_us < self.until_us

    def reaches(self, region: str, household_id: str) -> bool:
        """Whether it opens what lies there."""
        if self.household_id:
            return self.household_id == household_id
        return covers(self.region_id, region)


Grants = Callable[[str], Awaitable[Grant | None]]


async def no_grants(break_glass_id: str) -> Grant | None:
    """A service that has no break-glass access of its own."""
    return None


@dataclass(frozen=True, slots=True)
class Read:
    """One answer that is about to leave."""

    method: str
    actor: Actor
    purpose: str
    subject_ids: tuple[str, ...]
    fields: tuple[str, ...]
    region: str = ""
    break_glass_id: str = ""


class Recording(Protocol):
    """Where reads go on record."""

    async def record(self, read: Read) -> None:
        """Durable when it returns; an answer that could not be recorded does not leave."""
        ...


class ReadsUnrecorded(Exception):
    """A method shows people and its service keeps no record of reads: the server does not start."""


class AccessLog:
    """Reads as events of a topic, each in a stream of its own: no reader waits for another."""

    def __init__(
        self,
        store: Store,
        topic: str,
        programme: Parameters,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._topic = topic
        self._programme = programme
        self._clock = clock
        self._random_bytes = random_bytes

    async def record(self, read: Read) -> None:
        """Append the event; StoreUnavailable when it cannot be."""
        read_id = str(uuid.UUID(bytes=self._random_bytes(READ_ID_BYTES), version=4))
        event = PersonalDataRead(
            read_id=read_id,
            reader=read.actor.subject,
            on_behalf_of=read.actor.on_behalf_of,
            purpose=read.purpose,
            method=read.method,
            subject_ids=read.subject_ids,
            fields=read.fields,
            region_id=read.region,
            break_glass_id=read.break_glass_id,
        )
        today = self._clock.now().astimezone(PROGRAMME_ZONE).date().isoformat()
        new = NewEvent(
            event.DESCRIPTOR.full_name, event.SerializeToString(deterministic=True), today
        )
        await self._store.append(
            Append(
                command_id=read_id,
                digest=b"",
                writes=(StreamWrite(self._topic, f"access-{read_id}", 0, (new,)),),
                actor=read.actor.subject,
                on_behalf_of=read.actor.on_behalf_of,
                traceparent=traceparent(),
                programme=self._programme.edition,
            )
        )


@dataclass(frozen=True, slots=True)
class Reads:
    """What the guard of one service's methods needs."""

    log: Recording
    programme: Parameters
    clock: Clock
    grants: Grants = no_grants


def showing_of(method: MethodDescriptor) -> Showing | None:
    """None for a method that shows nobody."""
    stated = method.GetOptions()
    if stated.HasExtension(options.shows):
        shows = stated.Extensions[options.shows]
        return Showing(method.full_name, shows.subject, shows.own_right)
    if _shows_people(method.output_type):
        return Showing(method.full_name, "", False)
    return None


@cache
def _shows_people(kind: Descriptor) -> bool:
    return any(personal_of(each) for part in _parts(kind) for each in part.fields)


def _parts(kind: Descriptor) -> list[Descriptor]:
    """The type and all it is made of."""
    found = {kind.full_name: kind}
    open_ends = [kind]
    while open_ends:
        for each in open_ends.pop().fields:
            part = each.message_type
            if part is not None and part.full_name not in found:
                found[part.full_name] = part
                open_ends.append(part)
    return list(found.values())


@dataclass(slots=True)
class Reading:
    """One call of a method that shows people, from its door to its answer."""

    reads: Reads
    showing: Showing
    actor: Actor
    purpose: str = ""
    grant: Grant | None = None
    grant_used: bool = False
    # What the answer was asked of, and where that lies.
    household_id: str = ""
    region: str = ""
    subject: str = ""

    async def begin(self, request: Message, metadata: Mapping[str, Any]) -> None:
        """Whose it is, and the break-glass access that the caller names: theirs, open, not over."""
        self.household_id = getattr(request, "household_id", "")
        if self.showing.subject:
            self.subject = getattr(request, self.showing.subject)
        named = metadata.get(BREAK_GLASS, "")
        if named:
            grant = await self.reads.grants(named)
            holds = grant is not None and grant.holds(self.actor.subject, self.reads.clock.now_us())
            require(holds and not self.showing.own_right, "break-glass-not-open")
            self.grant = grant

    def say_what_for(self, request: Any, metadata: Mapping[str, Any]) -> None:
        """Rejects a purpose that is not listed or not this reader's."""
        if self.showing.own_right:
            # Judged by the rule that puts the whole of it on record.
            self.purpose = request.purpose
            return
        self.purpose = metadata.get(PURPOSE, "")
        if self.purpose:
            self._judge_purpose()
        elif self.grant is not None:
            self.purpose = BROKEN_GLASS
        else:
            # A picture cannot be masked.
            require(not self.subject, "purpose-missing", listed=self._listed())

    def _judge_purpose(self) -> None:
        listed = self.reads.programme.table(TABLE)[PURPOSES]
        require(
            self.purpose in listed,
            "purpose-not-listed",
            purpose=self.purpose,
            listed=self._listed(),
        )
        roles = listed[self.purpose]["roles"]
        require(
            self.grant is not None or self.actor.roles.keys() & set(roles),
            "purpose-not-for-role",
            purpose=self.purpose,
            roles=", ".join(roles),
        )

    def _listed(self) -> str:
        """Purposes that this reader may name."""
        listed = self.reads.programme.table(TABLE)[PURPOSES]
        mine = [
            code
            for code, each in listed.items()
            if any(r in self.actor.roles for r in each["roles"])
        ]
        return ", ".join(mine or listed)

    def opened_by_grant(self, region: str) -> bool:
        """Whether the break-glass access reaches what the role does not."""
        reached = self.grant is not None and self.grant.reaches(region, self.household_id)
        self.grant_used = self.grant_used or reached
        return reached

    async def answer(self, response: Message) -> None:
        """On record, or masked in place; called with every message before it leaves."""
        if not self.purpose:
            mask(response)
            return
        shown = [place for place in places(response) if not place[2].startswith(SEALED)]
        whose = [place[0] for place in shown if place[0]]
        if shown:
            whose += _households(response)
        if not shown and not self.subject:
            return
        own = [self.subject] if self.subject else []
        used = self.grant if self.grant_used else None
        await self.reads.log.record(
            Read(
                method=self.showing.method,
                actor=self.actor,
                purpose=self.purpose,
                subject_ids=tuple(dict.fromkeys([*own, *whose])),
                fields=tuple(sorted({place[1].name for place in shown})),
                region=self.region,
                break_glass_id="" if used is None else used.break_glass_id,
            )
        )


def mask(message: Message) -> None:
    """Personal texts so that a person who knows them recognises them, and nobody else."""
    for place in places(message):
        if not place[2].startswith(SEALED):
            put(place, masked(place[2]))


def masked(text: str) -> str:
    """ "合成阿布" -> "合**", "138...21" -> "**21"."""
    return _MASK + text[-_LAST_DIGITS:] if text[-1:].isdigit() else text[:1] + _MASK


def _households(message: Message) -> Iterator[str]:
    """Of which households people are shown: the answer's own, or those of its lines."""
    for each in (message, *_lines(message)):
        household_id = getattr(each, "household_id", "")
        if household_id:
            yield household_id


def _lines(message: Message) -> Iterator[Message]:
    for field, value in message.ListFields():
        if field.message_type is not None and field.is_repeated:
            yield from (each for each in value if isinstance(each, Message))
