"""Where a message holds personal texts: one generated function per message type finds them.

A household of three has thirteen such texts below four subjects; asking the descriptors for each
again costs more than sealing it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.fields import personal_of

# The option's value for a request field that concerns nobody known: never logged, never stored.
NO_SUBJECT = "-"


class SealingFault(Exception):
    """A fault of ours: the message is not stored, the value not shown. Names the field only."""


class NotSealable(SealingFault):
    """The field's subject is not known, so that no key could seal it."""


@dataclass(frozen=True, slots=True)
class PersonalField:
    """A field of texts that are personal."""

    name: str
    full_name: str
    # Second half of the associated data.
    aad: bytes


# One personal text that is not empty: subject id, field, text, what holds it, and its place there
# (None for a field of its own). A plain tuple: thousands of them are made every second.
Place = tuple[str, PersonalField, str, Any, Any]


def put(place: Place, text: str) -> None:
    """Another text in its stead."""
    _, each, _, holder, item = place
    if item is None:
        setattr(holder, each.name, text)
    else:
        holder[item] = text


_Find = Callable[[Any, Callable[[Place], None]], None]


@dataclass(slots=True)
class _Part:
    """One message type: its personal fields by the subject's field, and parts that have some."""

    own: list[tuple[str, FieldDescriptor]] = field(default_factory=list)
    nested: list[tuple[FieldDescriptor, "_Part"]] = field(default_factory=list)
    find: _Find | None = None

    def reaches_personal(self, seen: set[int]) -> bool:
        if id(self) in seen:
            return False
        seen.add(id(self))
        return bool(self.own) or any(part.reaches_personal(seen) for _, part in self.nested)


def places(message: Message) -> list[Place]:
    """Every personal text of the message that is not empty."""
    found: list[Place] = []
    find_in(message.DESCRIPTOR)(message, found.append)
    return found


def personal_values(message: Message) -> Iterator[tuple[str, str, str]]:
    """(subject id, full name of the field, value) of every personal text that is not empty."""
    for subject_id, each, value, _, _ in places(message):
        yield subject_id, each.full_name, value


@cache
def find_in(descriptor: Descriptor) -> _Find:
    """Hands the places of a message to a function; NotSealable when one could not be sealed."""
    return _compiled(_part_of(descriptor, {}))


def _part_of(descriptor: Descriptor, parts: dict[str, _Part]) -> _Part:
    if descriptor.full_name in parts:
        return parts[descriptor.full_name]
    part = parts[descriptor.full_name] = _Part()
    for each in descriptor.fields:
        value = _value_field(each)
        subject = personal_of(each)
        if subject:
            _check_declaration(each, value, subject)
            known = subject in descriptor.fields_by_name
            part.own.append((subject if known else NO_SUBJECT, each))
        elif value.message_type is not None:
            part.nested.append((each, _part_of(value.message_type, parts)))
    return part


def _value_field(each: FieldDescriptor) -> FieldDescriptor:
    kind = each.message_type
    return kind.fields_by_name["value"] if kind is not None and _is_map(each) else each


def _is_map(each: FieldDescriptor) -> bool:
    kind = each.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)


def _check_declaration(each: FieldDescriptor, value: FieldDescriptor, subject: str) -> None:
    if value.type != FieldDescriptor.TYPE_STRING:
        raise NotSealable(f"{each.full_name} is personal, but not a text")
    assert each.containing_type is not None
    sibling = each.containing_type.fields_by_name.get(subject)
    if sibling is not None and (
        sibling.type != FieldDescriptor.TYPE_STRING or sibling.is_repeated or personal_of(sibling)
    ):
        raise NotSealable(f"{each.full_name}: {subject} is no plain text")


def _compiled(part: _Part) -> _Find:
    if part.find is None:
        names: dict[str, Any] = {}
        lines = [line for subject, each in part.own for line in _own(subject, each, names)]
        for each, nested in part.nested:
            if nested.reaches_personal(set()):
                lines += _nested(each, nested, names)
        source = "\n    ".join(["def find(m, add):", *lines, "return"])
        # The text is made from our own descriptors; requests never reach it.
        exec(source, names)  # noqa: S102
        part.find = names["find"]
    assert part.find is not None
    return part.find


def _own(subject: str, each: FieldDescriptor, names: dict[str, Any]) -> Iterator[str]:
    name = f"_{each.name}"
    names[name] = PersonalField(each.name, each.full_name, b"\x00text\x00" + each.name.encode())
    whose = "''" if subject == NO_SUBJECT else f"m.{subject}"
    held = f"m.{each.name}"
    if _is_map(each):
        yield f"for k in list({held}):"
        yield f"  if {held}[k]: add(({whose}, {name}, {held}[k], {held}, k))"
    elif each.is_repeated:
        yield f"for n, v in enumerate({held}):"
        yield f"  if v: add(({whose}, {name}, v, {held}, n))"
    else:
        yield f"v = {held}"
        yield f"if v: add(({whose}, {name}, v, m, None))"


def _nested(each: FieldDescriptor, part: _Part, names: dict[str, Any]) -> Iterator[str]:
    name = f"_{each.name}_find"
    # Compiled when first met: types may contain themselves.
    names[name] = lambda message, add: _compiled(part)(message, add)
    held = f"m.{each.name}"
    if _is_map(each):
        yield f"for k in list({held}): {name}({held}[k], add)"
    elif each.is_repeated:
        yield f"for part in {held}: {name}(part, add)"
    else:
        yield f"if m.HasField({each.name!r}): {name}({held}, add)"
