"""How the command line answers: a table for people, JSON for programs, an exit code for scripts."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

# A pipe gets whole lines, a terminal what fits.
PIPE_WIDTH = 200
console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_FORBIDDEN = 4
EXIT_UNAVAILABLE = 5

EXIT_CODES = """Exit codes: 0 done · 1 a check failed · 2 bad input (the field is named) ·
3 a rule said no · 4 not allowed (the role or region is named) · 5 no server, or it is busy"""


def as_dict(message: Message) -> dict[str, Any]:
    """The message with the contract's own field names; 64-bit numbers stay numbers."""
    return _numbers(message, MessageToDict(message, preserving_proto_field_name=True))


def _numbers(message: Message, plain: dict[str, Any]) -> dict[str, Any]:
    # Protobuf's JSON writes 64-bit integers as text; a script wants to add them up.
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        if name not in plain:
            continue
        value = plain[name]
        if descriptor.message_type is not None:
            children = getattr(message, name)
            if isinstance(value, list):
                for child, item in zip(children, value, strict=True):
                    _numbers(child, item)
            elif isinstance(value, dict) and not descriptor.message_type.GetOptions().map_entry:
                _numbers(children, value)
        elif isinstance(value, str) and descriptor.cpp_type in (
            descriptor.CPPTYPE_INT64,
            descriptor.CPPTYPE_UINT64,
        ):
            plain[name] = int(value)
    return plain


def readable(message: Message, plain: dict[str, Any]) -> dict[str, Any]:
    """For a person's eyes: enum values without the prefix that the contract gives them."""
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        if name not in plain:
            continue
        if descriptor.enum_type is not None:
            prefix = _upper_snake(descriptor.enum_type.name) + "_"
            plain[name] = _without(plain[name], prefix)
        elif descriptor.message_type is not None and isinstance(plain[name], list):
            for child, item in zip(getattr(message, name), plain[name], strict=True):
                readable(child, item)
        elif descriptor.message_type is not None and not (
            descriptor.message_type.GetOptions().map_entry
        ):
            readable(getattr(message, name), plain[name])
    return plain


def _upper_snake(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name)[1:].upper()


def _without(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_without(item, prefix) for item in value]
    return str(value).removeprefix(prefix).lower().replace("_", "-")


def show(rows: Iterable[Message], columns: Sequence[str], *, title: str, as_json: bool) -> None:
    """Print messages as one table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            print(json.dumps(as_dict(row), ensure_ascii=False))
        return
    table = Table(title=title, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        plain = readable(row, as_dict(row))
        table.add_row(*(_cell(plain.get(column, "")) for column in columns))
    console.print(table)


def show_one(message: Message, *, title: str, as_json: bool) -> None:
    """Print one message: field by field, or as JSON."""
    if as_json:
        print(json.dumps(as_dict(message), ensure_ascii=False))
        return
    table = Table(title=title, show_header=False)
    for name, value in readable(message, as_dict(message)).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                table.add_row(name, _cell(item))
        else:
            table.add_row(name, _cell(value))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}={_cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    return str(value)
