"""What a service is made of, as its worker.py states it and compose.py puts it together."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.alarms import WindowAlarm
from chassis.blobs import BlobFolder
from chassis.clock import Clock
from chassis.deadlines import DeadlineView
from chassis.decider import Decider
from chassis.handle import Handler
from chassis.keys import Keys
from chassis.programme import Programme
from chassis.reactions import Reaction
from chassis.reads import AccessLog, Grants, Reads, no_grants
from chassis.sealing import Sealer
from chassis.sending import Send
from chassis.settings import Settings
from chassis.store.model import Store
from chassis.views import View
from chassis.viewstore import ViewStore

# (service, query, on whose behalf) -> answer.
Ask = Callable[[str, Message, str], Awaitable[Any]]


@dataclass(frozen=True)
class ServeParts:
    """What the serving side of a service is given: it appends and answers."""

    settings: Settings
    clock: Clock
    programme: Programme
    keys: Keys
    sealer: Sealer
    blobs: BlobFolder
    store: Store
    views: ViewStore
    handler: Handler
    # Folder for scratch files of this service.
    scratch: Path
    # Asks a neighbour, as this service and on somebody's behalf. For display only: decisions rest
    # on own copies.
    ask: Ask


@dataclass(frozen=True)
class WorkParts:
    """What the working side is given: it hears, and sends commands to its own serving side."""

    settings: Settings
    clock: Clock
    programme: Programme
    keys: Keys
    sealer: Sealer
    blobs: BlobFolder
    views: ViewStore
    # Sends a command to this service's own server, as the service.
    send: Send


class Bot(Protocol):
    """What speaks with people through a provider of chat; runs until cancelled."""

    def __call__(self, parts: WorkParts, *, bot_url: str | None, token: str) -> Awaitable[None]: ...


# Something that runs beside the server or the worker until cancelled.
ServeTask = Callable[[ServeParts], Awaitable[None]]
WorkTask = Callable[[WorkParts], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """One service: its rules, answers and reactions. Pure data; composition makes it run."""

    name: str
    # Topics it appends to; refusals go to the first.
    topics: tuple[str, ...]
    deciders: tuple[Decider[Any], ...]
    views: tuple[View, ...]
    # Gives the gRPC servicer, a chassis.server.CommandServicer.
    servicer: Callable[[ServeParts], Any]
    add_to_server: Callable[[Any, Any], None]
    descriptor: ServiceDescriptor
    facts: Mapping[type[Message], Callable[[Connection, Any], Any]] = field(default_factory=dict)
    reactions: tuple[Reaction, ...] = ()
    # Reactions that the programme data name.
    caused: Callable[[Programme], tuple[Reaction, ...]] = lambda programme: ()
    deadlines: tuple[DeadlineView, ...] = ()
    # Beside the server: finishing imports. Beside the worker: erasing keys.
    serving: Mapping[str, ServeTask] = field(default_factory=dict)
    working: Mapping[str, WorkTask] = field(default_factory=dict)
    # Only the notifier has one.
    bot: Bot | None = None
    # Where reads of personal data go on record; a service whose rpcs show nobody has none.
    reads_topic: str = ""
    # Break-glass access to what its rpcs show.
    grants: Callable[[ServeParts], Grants] = lambda parts: no_grants
    # Windowed facts a timer evaluates.
    alarms: Callable[[Programme, Clock], tuple[WindowAlarm, ...]] = lambda programme, clock: ()


def reads_of(service: Service, parts: ServeParts) -> Reads | None:
    """What the guard of the service's rpcs needs to put reads on record."""
    if not service.reads_topic:
        return None
    log = AccessLog(parts.store, service.reads_topic, parts.programme, parts.clock)
    return Reads(log, parts.programme, parts.clock, service.grants(parts))
