"""What a service is made of, as its worker.py states it and compose.py puts it together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.deadlines import DeadlineView
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.decider import Decider
from chassis.reactions import Reaction
from chassis.views import View


@dataclass(frozen=True)
class Service:
    """One service: its rules, answers and reactions. Pure data; composition makes it run."""

    name: str
    # Topics it appends to; refusals go to the first.
    topics: tuple[str, ...]
    deciders: tuple[Decider[Any], ...]
    views: tuple[View, ...]
    # Gives the gRPC servicer: (handler, view store, sealer, extras) -> servicer.
    servicer: Callable[..., object]
    add_to_server: Callable[[Any, Any], None]
    descriptor: ServiceDescriptor
    facts: Mapping[type[Message], Callable[[Connection, Any], Any]] = field(default_factory=dict)
    reactions: tuple[Reaction, ...] = ()
    deadlines: Sequence[DeadlineView] = ()
