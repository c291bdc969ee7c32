"""The common case of the field rules: one generated function per message type says "all kept".

A request of three persons has seventy fields; asking one closure each costs twice as much as one
expression over all of them. The function only ever says yes where chassis/fields.py finds nothing:
whatever looks unusual is left to the rules there, which also name the field. A property test
compares the two.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tuopin.options.v1 import options_pb2 as options

SEALED = "sealed:1:"
DEFAULT_MAX_LEN = 2_000

Quick = Callable[[Any], bool]
_NUMBERS = frozenset(
    {
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
    }
)


@cache
def all_kept(descriptor: Descriptor) -> Quick:
    """A function of a message that is true only when each of its field rules is kept."""
    names: dict[str, Any] = {}
    conditions = [
        condition
        for field in descriptor.fields
        for condition in (_condition(field, names),)
        if condition
    ]
    source = f"lambda m: True if {' and '.join(conditions) or 'True'} else False"
    # The text is made from our own descriptors; requests never reach it.
    quick: Quick = eval(source, names)  # noqa: S307
    return quick


def _condition(field: FieldDescriptor, names: dict[str, Any]) -> str:
    stated = field.GetOptions()
    rule = stated.Extensions[options.rule]
    value = f"m.{field.name}"
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return f"not {value}"
    if field.is_repeated:
        return _items(field, rule, value, names)
    if field.message_type is not None:
        return _nested(field, rule, value, names)
    personal = bool(stated.Extensions[options.personal])
    return _single(field, rule, value, personal, names)


def _nested(field: FieldDescriptor, rule: Any, value: str, names: dict[str, Any]) -> str:
    kept = f"{_later(field, names)}({value})"
    if rule.required:
        return f"m.HasField({field.name!r}) and {kept}"
    return f"(not m.HasField({field.name!r}) or {kept})"


def _items(field: FieldDescriptor, rule: Any, value: str, names: dict[str, Any]) -> str:
    least = max(rule.min_items, 1 if rule.required else 0)
    bounds = f"{least} <= len({value})" + (f" <= {rule.max_items}" if rule.max_items else "")
    if field.message_type is not None:
        return f"{bounds} and all(map({_later(field, names)}, {value}))"
    if field.enum_type is not None:
        known = _named(names, field, frozenset(field.enum_type.values_by_number))
        return f"{bounds} and {known}.issuperset({value})"
    # Texts and numbers in lists are rare: the rules look at them one by one.
    return f"{bounds} and not {value}" if least == 0 else "False"


def _single(
    field: FieldDescriptor, rule: Any, value: str, personal: bool, names: dict[str, Any]
) -> str:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(field, rule, value, personal, names)
    if field.enum_type is not None:
        known = frozenset(field.enum_type.values_by_number)
        return f"{value} in {_named(names, field, known - {0} if rule.required else known)}"
    if field.type in _NUMBERS:
        return _number(rule, value)
    if rule.required:
        return value
    return "" if field.type in (FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_BYTES) else "False"


def _text(
    field: FieldDescriptor, rule: Any, value: str, personal: bool, names: dict[str, Any]
) -> str:
    least = max(rule.min_len, 1)
    parts = [f"{least} <= len(v) <= {rule.max_len or DEFAULT_MAX_LEN}", "v.isprintable()"]
    if rule.required:
        parts.append("not v.isspace()")
    if personal:
        parts.append(f"v[:{len(SEALED)}] != {SEALED!r}")
    if rule.pattern:
        parts.append(f"{_named(names, field, re.compile(rule.pattern).fullmatch)}(v)")
    if rule.date:
        parts.append(f"{_named(names, field, is_iso_date, 'date')}(v)")
    # The text is read once: each reading makes a new string.
    kept = f"((v := {value}) and {' and '.join(parts)})"
    return kept if rule.required else f"(not (v := {value}) or {' and '.join(parts)})"


def _number(rule: Any, value: str) -> str:
    conditions = []
    if rule.HasField("min"):
        conditions.append(f"{value} >= {rule.min}")
    if rule.HasField("max"):
        conditions.append(f"{value} <= {rule.max}")
    if rule.required:
        conditions.append(f"{value} != 0")
    return " and ".join(conditions)


def _named(names: dict[str, Any], field: FieldDescriptor, value: Any, kind: str = "rule") -> str:
    name = f"_{field.name}_{kind}"
    names[name] = value
    return name


def _later(field: FieldDescriptor, names: dict[str, Any]) -> str:
    """The nested type's function, generated when first needed: types may contain themselves."""
    descriptor = field.message_type

    def kept(message: Any) -> bool:
        return all_kept(descriptor)(message)

    return _named(names, field, kept, "kept")


def is_iso_date(text: str) -> bool:
    """Whether the text is a real day as YYYY-MM-DD (Python also reads weeks and no hyphens)."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
