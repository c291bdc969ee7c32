"""What a rule module is made of, and what it is given. Pure: no clock, random, file or network."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from hashlib import sha1
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

S = TypeVar("S")

# Namespace of every id that is derived rather than drawn (RFC 9562 version 5).
NAMESPACE = uuid.UUID("6f1d3a52-5b0e-5c5b-9a53-7e1f0c5d2b11")
_NAMESPACE_BYTES = NAMESPACE.bytes

# China has one zone and no summer time.
PROGRAMME_ZONE = timezone(timedelta(hours=8))


def derived_id(*parts: object) -> str:
    """The same parts always give the same opaque id (UUIDv5 as text)."""
    name = "\x1f".join([str(part) for part in parts])
    # uuid.uuid5 step by step: its objects cost five times as much, and every command derives ids.
    digest = sha1(_NAMESPACE_BYTES + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sends the command: the token's subject and its roles per region ("county-office" ->
    "433124").
    """

    subject: str
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_behalf_of: str = ""
    # Event that made a reaction send the command; empty for people.
    caused_by: str = ""


class Parameters(Protocol):
    """The programme data in force: versioned numbers, code lists, catalogues, policies
    (chassis/programme.py).
    """

    @property
    def edition(self) -> str:
        """Digest of the programme data, recorded with every event."""
        ...

    def number(self, name: str, *, on: date, region: str = "") -> int:
        """Value of a parameter at a date, the nearest ancestor of the region first."""
        ...

    def table(self, name: str) -> Mapping[str, Any]:
        """A whole catalogue or policy table, e.g. "measures", "policies", "courses"."""
        ...


_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """All that a rule may know besides state and command."""

    now: datetime  # aware, UTC
    actor: Actor
    command_id: str
    parameters: Parameters
    # What facts.py read from the service's own copies; None when it declares nothing.
    facts: Any = None
    # States of the further streams that the command names, by opaque id.
    others: Mapping[str, Any] = field(default_factory=lambda: _NONE)

    @property
    def today(self) -> date:
        """The date of `now` in the programme's zone (Asia/Shanghai, no summer time: UTC+8)."""
        return self.now.astimezone(PROGRAMME_ZONE).date()

    def new_id(self, noun: str, ordinal: int = 0) -> str:
        """An id born in this command: the same again when the command is retried."""
        return derived_id(self.command_id, noun, ordinal)


class FactsOutdated(Exception):
    """A rule found its facts to be of another time than its state: they are read again."""


class Claim(NamedTuple):
    """Nobody else may hold (kind, key) from now on. A personal key is stored as a keyed digest
    only.

    `rejection` is the slug when somebody else holds it; `owner` is what a lookup by key finds.
    """

    kind: str
    key: str
    owner: str
    rejection: str
    personal: bool = True


class Release(NamedTuple):
    """Gives back a claim of this owner; with key "" every claim of the kind it holds."""

    kind: str
    owner: str
    key: str = ""
    personal: bool = True


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An event for another stream of the noun, one that the command names among its `further`."""

    id: str
    event: Message


Decision = Message | Claim | Release | Elsewhere
Decisions = Iterable[Decision]


@dataclass(frozen=True, slots=True)
class Decider(Generic[S]):
    """The rules of one noun.

    `commands` maps each command class to the function that names its stream's opaque id from
    the command;
    the stream is then f"{noun}-{id}". `region` gives the region code of the state for access
    checks ("" while
    nothing has happened). An event message with a field `effective_on` gives the envelope's
    effective date.

    `further` names more streams of the noun that a command decides on and may write to, all in one
    append: their states stand in the context, their events are yielded as Elsewhere. Such a command
    has events for its own stream, or no effect.
    """

    noun: str
    topic: str
    initial: Callable[[], S]
    decide: Callable[[S, Any, Context], Decisions]
    evolve: Callable[[S, Any], S]
    commands: Mapping[type[Message], Callable[[Any], str]]
    events: tuple[type[Message], ...]
    region: Callable[[S], str]
    further: Mapping[type[Message], Callable[[Any], tuple[str, ...]]] = field(default_factory=dict)
