"""Every message of the contracts, found through the descriptors, and canaries to fill them with."""

import hashlib
import importlib
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.fields import personal_of

GENERATED = Path(__file__).parents[2] / "tuopin"
DEPTH_MAX = 6


@cache
def modules() -> list[object]:
    """Every generated module, so that no contract is forgotten."""
    files = sorted(GENERATED.rglob("*_pb2.py"))
    return [
        importlib.import_module(".".join(each.relative_to(GENERATED.parent).with_suffix("").parts))
        for each in files
    ]


def descriptors() -> list[Descriptor]:
    """All top-level messages of the contracts."""
    return [
        descriptor
        for module in modules()
        for descriptor in module.DESCRIPTOR.message_types_by_name.values()  # type: ignore[attr-defined]
    ]


def requests() -> set[str]:
    """Full names of what callers send: rpc inputs, and commands sent by the system itself."""
    inputs = {
        method.input_type.full_name
        for module in modules()
        for service in module.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
        for method in service.methods
    }
    commands = {each.full_name for each in descriptors() if "command_id" in each.fields_by_name}
    return inputs | commands


def stored() -> list[Descriptor]:
    """Events, what they are made of, and answers: whatever may be sealed."""
    return [each for each in descriptors() if each.full_name not in requests()]


def fields(descriptor: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    """The fields of a message and of all messages below it."""
    for field in descriptor.fields:
        yield field
        below = field.message_type
        if below is not None and below.full_name not in seen:
            yield from fields(below, seen | {descriptor.full_name})


def canaries(descriptor: Descriptor) -> list[tuple[Message, list[str]]]:
    """Full messages, one for each choice in its oneofs, and the personal texts in each."""
    choices = max(
        (len(oneof.fields) for field in fields(descriptor) for oneof in _oneofs(field)), default=1
    )
    filled = []
    for choice in range(choices):
        message = message_factory.GetMessageClass(descriptor)()
        personal: list[str] = []
        _fill(message, choice, personal, count(1), 0)
        filled.append((message, personal))
    return filled


def _oneofs(field: FieldDescriptor) -> list[object]:
    return list(field.containing_type.oneofs)


def _fill(
    message: Message, choice: int, personal: list[str], numbers: Iterator[int], depth: int
) -> None:
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if oneof is not None and oneof.fields[choice % len(oneof.fields)] is not field:
            continue
        kind = field.message_type
        held = getattr(message, field.name)
        if kind is not None and kind.GetOptions().map_entry:
            if kind.fields_by_name["value"].type == FieldDescriptor.TYPE_STRING:
                held["key"] = _text(field, personal, numbers)
        elif kind is not None:
            if depth < DEPTH_MAX:
                for _ in range(2 if field.is_repeated else 1):
                    part = held.add() if field.is_repeated else held
                    part.SetInParent()
                    _fill(part, choice, personal, numbers, depth + 1)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                held.extend(_text(field, personal, numbers) for _ in range(2))
            else:
                setattr(message, field.name, _text(field, personal, numbers))


def _text(field: FieldDescriptor, personal: list[str], numbers: Iterator[int]) -> str:
    # Drawn from thousands of characters: no two texts share a piece, nor does base64.
    drawn = hashlib.sha256(str(next(numbers)).encode()).digest()
    text = "".join(chr(0x4E00 + (drawn[n] << 4 | drawn[n + 1] >> 4)) for n in range(0, 24, 2))
    if personal_of(field):
        personal.append(text)
    return text
