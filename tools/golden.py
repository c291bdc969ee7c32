"""Golden bytes of every event: `python -m tools.golden` writes those that are missing.

What was once written stays readable for ever: a file is never rewritten. An event that gained
fields gets a further file, NAME.2.binpb, and so on.
"""

import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from services.roster import all_services
from tuopin.access.v1.access_pb2 import PersonalDataRead

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "contracts" / "golden"
REPEATED_ITEMS = 2


def event_classes() -> list[type[Message]]:
    """Every event that one of the five services can write."""
    found = {
        event.DESCRIPTOR.full_name: event
        for service in all_services().values()
        for decider in service.deciders
        for event in decider.events
    }
    # Written by the server itself, after no rule.
    found[PersonalDataRead.DESCRIPTOR.full_name] = PersonalDataRead
    return [found[name] for name in sorted(found)]


def filled(kind: type[Message]) -> Message:
    """A message with a distinct value in every field, the same at every run."""
    message = kind()
    _fill(message, seed=1)
    return message


def _fill(message: Message, seed: int) -> int:
    chosen: set[str] = set()
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if oneof is not None:
            if oneof.name in chosen:
                continue
            chosen.add(oneof.name)
        seed += 1
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)[f"key-{seed}"] = f"value-{seed}"
        elif field.is_repeated and field.message_type is not None:
            for _ in range(REPEATED_ITEMS):
                seed = _fill(getattr(message, field.name).add(), seed)
        elif field.message_type is not None:
            child = getattr(message, field.name)
            child.SetInParent()
            seed = _fill(child, seed)
        elif field.is_repeated:
            getattr(message, field.name).extend([_value(field, seed), _value(field, seed + 1)])
        else:
            setattr(message, field.name, _value(field, seed))
    return seed


def _value(field: Any, seed: int) -> object:
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        return bytes([seed % 256]) if field.type == field.TYPE_BYTES else f"{field.name}-{seed}"
    if kind == field.CPPTYPE_BOOL:
        return True
    if kind == field.CPPTYPE_ENUM:
        assert field.enum_type is not None
        values = field.enum_type.values
        return values[1 + seed % (len(values) - 1)].number
    return seed


def write_missing(folder: Path = GOLDEN) -> list[str]:
    """Write a golden file for every event whose newest one lacks a field; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in event_classes():
        name = kind.DESCRIPTOR.full_name
        versions = sorted(folder.glob(f"{name}.*.binpb"))
        data = filled(kind).SerializeToString(deterministic=True)
        if versions and versions[-1].read_bytes() == data:
            continue
        stem = f"{name}.{len(versions) + 1}"
        (folder / f"{stem}.binpb").write_bytes(data)
        plain = json_format.MessageToDict(filled(kind), preserving_proto_field_name=True)
        text = json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True)
        (folder / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
        written.append(stem)
    return written


if __name__ == "__main__":
    print("\n".join(write_missing()) or "nothing is missing", file=sys.stderr)
