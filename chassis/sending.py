"""Commands that a service sends to itself: what is tried again and what waits for an operator."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pool import Default as DefaultPool
from google.protobuf.message import Message

from chassis.decider import Decider
from chassis.rejection import FactMissing
from chassis.store.model import StoreUnavailable, VersionConflict
from tuopin.types.v1.types_pb2 import Receipt

Metadata = Mapping[str, str]
Send = Callable[[Message, Metadata], Awaitable[Receipt]]

CAUSED_BY = "tuopin-caused-by"
ON_BEHALF_OF = "tuopin-on-behalf-of"
TRACEPARENT = "traceparent"

# The owner was not reached, or asks to come again; DEADLINE_EXCEEDED and CANCELLED leave the
# outcome unknown, and the same command_id makes asking again safe.
_AGAIN = frozenset({"UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED"})
_WORLD = (OSError, TimeoutError, StoreUnavailable, VersionConflict, FactMissing)

_FIRST_WAIT_S = 0.1


def message_of(full_name: str, data: bytes) -> Message:
    """The command again as it was decided."""
    descriptor = DefaultPool().FindMessageTypeByName(full_name)
    return message_factory.GetMessageClass(descriptor).FromString(data)


def code_of(error: BaseException) -> str:
    """Name of the gRPC status that an error carries, "" when it carries none."""
    code: Any = getattr(error, "code", None)
    if callable(code):
        code = code()
    name = getattr(code, "name", code)
    return name if isinstance(name, str) else ""


def worth_retrying(error: BaseException) -> bool:
    """Whether the same command may succeed later without anybody's help."""
    return code_of(error) in _AGAIN or (not code_of(error) and isinstance(error, _WORLD))


def reason_of(error: BaseException) -> str:
    """Status and class of an error, never its text: that may quote personal data."""
    return " ".join(filter(None, (code_of(error), type(error).__name__)))


def wait_s(attempts: int, longest_s: float) -> float:
    """How long to wait after the so-many-th failure: doubled each time, up to a bound."""
    return float(min(_FIRST_WAIT_S * 2 ** min(attempts, 30), longest_s))


def targets(deciders: Sequence[Decider[Any]]) -> Callable[[Message], str]:
    """Names the stream that a command is for, as its decider does."""
    named = {
        command: (decider.noun, identify)
        for decider in deciders
        for command, identify in decider.commands.items()
    }

    def target(command: Message) -> str:
        found = named.get(type(command))
        return f"{found[0]}-{found[1](command)}" if found else ""

    return target
