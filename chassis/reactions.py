"""What other services' events make a service do: pure functions from an event to own commands.

The runtime (chassis/reacting.py) stores the commands together with its own checkpoint, sends them
byte for byte
until their owner answers, and never resets that checkpoint on a rebuild.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from chassis.decider import derived_id
from tuopin.envelope.v1.envelope_pb2 import Envelope

if TYPE_CHECKING:
    # Reactions stay pure: the name is for the reader of facts only.
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Reaction:
    """`react(envelope, event, facts)` gives own commands, command_id left empty: the runtime
    fills it with
    reaction_command_id. `facts` is whatever `read(connection, event)` returned from the
    service's own view tables;
    it raises FactMissing to park the event until the fact arrives.
    """

    name: str
    event: type[Message]
    react: Callable[[Envelope, Any, Any], Iterable[Message]]
    read: Callable[[Connection, Any], Any] | None = None


def reaction_command_id(event_id: str, reaction: str, command: Message, ordinal: int) -> str:
    """Heard twice, done once: the id follows from event, reaction, command type and ordinal."""
    return derived_id(event_id, reaction, command.DESCRIPTOR.full_name, ordinal)
