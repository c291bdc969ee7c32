"""What a request must look like: the `rule` options of its fields, compiled once per type."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.quickcheck import DEFAULT_MAX_LEN, all_kept, is_iso_date
from chassis.quickcheck import SEALED as SEALED
from tuopin.options.v1 import options_pb2 as options

# No answer and no database column wants these; PostgreSQL cannot hold NUL at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")

# Gives (path below the message, slug, details) of the first broken rule, or nothing.
Fault = tuple[str, str, dict[str, str]]
_Check = Callable[[Message, bool], Fault | None]


class InvalidField(Exception):
    """A field breaks its rule. Carries path and rule, never the value: it may be personal."""

    def __init__(self, field_path: str, slug: str, details: dict[str, str] | None = None) -> None:
        super().__init__(f"{field_path}: {slug}")
        self.field_path = field_path
        self.slug = slug
        self.details = {"field": field_path, **(details or {})}


def check(message: Message, *, sealed: bool = False) -> None:
    """Raise InvalidField for the first field that breaks its rule.

    With `sealed`, a personal text that arrives sealed (a reaction passes on what it heard) is taken
    as it is: its rule was kept before it was sealed.
    """
    if all_kept(message.DESCRIPTOR)(message):
        return
    fault = _checks(message.DESCRIPTOR)(message, sealed)
    if fault is not None:
        raise InvalidField(*fault)


def rule_of(field: FieldDescriptor) -> options.Rule | None:
    """The field's rule, when it states one."""
    stated = field.GetOptions()
    return stated.Extensions[options.rule] if stated.HasExtension(options.rule) else None


def personal_of(field: FieldDescriptor) -> str:
    """Name of the sibling field with the subject's id; "" for a field that is not personal."""
    return str(field.GetOptions().Extensions[options.personal])


@cache
def _checks(descriptor: Descriptor) -> _Check:
    """All checks of a message type as one function; nested types are compiled when first met."""
    checks = tuple(check for field in descriptor.fields for check in _field_checks(field))

    def run(message: Message, sealed: bool) -> Fault | None:
        for each in checks:
            fault = each(message, sealed)
            if fault is not None:
                return fault
        return None

    return run


def _field_checks(field: FieldDescriptor) -> Iterator[_Check]:
    rule = rule_of(field) or options.Rule()
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        yield from _map_checks(field)
    elif field.is_repeated:
        yield _items(field, rule)
    elif field.message_type is not None:
        yield _nested(field, rule)
    else:
        yield _single(field, rule)


def _single(field: FieldDescriptor, rule: options.Rule) -> _Check:
    name = field.name
    value_check = _value_check(field, rule)
    personal = bool(personal_of(field))

    def run(message: Message, sealed: bool) -> Fault | None:
        value = getattr(message, name)
        if personal and value.startswith(SEALED):
            return None if sealed else (name, "field-sealed", {})
        broken = value_check(value)
        return None if broken is None else (name, *broken)

    return run


def _nested(field: FieldDescriptor, rule: options.Rule) -> _Check:
    name, required, kind = field.name, rule.required, field.message_type

    def run(message: Message, sealed: bool) -> Fault | None:
        if not message.HasField(name):
            return (name, "field-required", {}) if required else None
        fault = _checks(kind)(getattr(message, name), sealed)
        return None if fault is None else (f"{name}.{fault[0]}", *fault[1:])

    return run


def _items(field: FieldDescriptor, rule: options.Rule) -> _Check:
    name = field.name
    least = max(rule.min_items, 1 if rule.required else 0)
    most = rule.max_items
    outside = ("field-items", {"allowed": _interval(least, most or None)})
    kind = field.message_type
    item_rule = options.Rule()
    item_rule.CopyFrom(rule)
    item_rule.required = False
    value_check = None if kind is not None else _value_check(field, item_rule)

    def run(message: Message, sealed: bool) -> Fault | None:
        items = getattr(message, name)
        if len(items) < least or (most and len(items) > most):
            return (name, *outside) if items else (name, "field-required", {})
        for ordinal, item in enumerate(items):
            if value_check is not None:
                broken = value_check(item)
                if broken is not None:
                    return f"{name}.{ordinal}", *broken
            else:
                fault = _checks(kind)(item, sealed)
                if fault is not None:
                    return f"{name}.{ordinal}.{fault[0]}", *fault[1:]
        return None

    return run


def _map_checks(field: FieldDescriptor) -> Iterator[_Check]:
    """Keys and values of a map keep the rules that every text and enum keeps."""
    name = field.name
    assert field.message_type is not None
    key_check = _value_check(field.message_type.fields_by_name["key"], options.Rule())
    value_field = field.message_type.fields_by_name["value"]
    kind = value_field.message_type
    value_check = None if kind is not None else _value_check(value_field, options.Rule())

    def run(message: Message, sealed: bool) -> Fault | None:
        for key, value in getattr(message, name).items():
            broken = key_check(key)
            if broken is None and value_check is not None:
                broken = value_check(value)
            if broken is not None:
                return name, *broken
            if kind is not None:
                fault = _checks(kind)(value, sealed)
                if fault is not None:
                    return f"{name}.{key}.{fault[0]}", *fault[1:]
        return None

    yield run


_Broken = tuple[str, dict[str, str]]


def _value_check(field: FieldDescriptor, rule: options.Rule) -> Callable[[Any], _Broken | None]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text_check(rule)
    if field.enum_type is not None:
        return _enum_check(frozenset(field.enum_type.values_by_number), rule.required)
    if field.type in (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_BOOL):
        return _presence_check if rule.required else _no_check
    return _number_check(rule)


def _no_check(_: Any) -> None:
    return None


def _presence_check(value: Any) -> _Broken | None:
    return None if value else ("field-required", {})


def _text_check(rule: options.Rule) -> Callable[[str], _Broken | None]:
    pattern = re.compile(rule.pattern) if rule.pattern else None
    required, min_len, is_date = rule.required, rule.min_len, rule.date
    max_len = rule.max_len or DEFAULT_MAX_LEN

    def run(value: str) -> _Broken | None:
        if required and (not value or value.isspace()):
            return "field-required", {}
        if not value:
            return None
        if len(value) > max_len:
            return "field-too-long", {"max": str(max_len)}
        if len(value) < min_len:
            return "field-too-short", {"min": str(min_len)}
        if not value.isprintable() and _CONTROL.search(value):
            return "field-control-character", {}
        if pattern is not None and pattern.fullmatch(value) is None:
            return "field-pattern", {"pattern": pattern.pattern}
        if is_date and not is_iso_date(value):
            return "field-date", {}
        return None

    return run


def _enum_check(known: frozenset[int], required: bool) -> Callable[[int], _Broken | None]:
    def run(value: int) -> _Broken | None:
        if required and value == 0:
            return "field-required", {}
        return None if value in known else ("field-unknown-value", {"value": str(value)})

    return run


def _number_check(rule: options.Rule) -> Callable[[float], _Broken | None]:
    least = rule.min if rule.HasField("min") else None
    most = rule.max if rule.HasField("max") else None
    required = rule.required
    outside = ("field-range", {"allowed": _interval(least, most)})

    def run(value: float) -> _Broken | None:
        if (least is not None and value < least) or (most is not None and value > most):
            return outside
        return ("field-required", {}) if required and value == 0 else None

    return run


def _interval(least: int | None, most: int | None) -> str:
    """The allowed values in signs that every language reads."""
    if least is None or most is None:
        return f"≤ {most}" if least is None else f"≥ {least}"
    return f"{least}…{most}"
