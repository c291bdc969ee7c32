"""How the command line answers: a table for people, JSON for programs, an exit code for scripts.

JSON has the contract's own field names, units and every field; tables turn microseconds into
times, fen into yuan, and leave the contract's prefixes out.
"""

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chassis.decider import PROGRAMME_ZONE
from services.cli.words import say

# A pipe gets whole lines, a terminal what fits.
PIPE_WIDTH = 200
console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_FORBIDDEN = 4
EXIT_UNAVAILABLE = 5

EXIT_CODES = """Exit codes: 0 done · 1 nothing found, or a check failed · 2 bad input (the field is
named) · 3 a rule said no · 4 not allowed (the role or region is named) · 5 no server, or it is
busy"""

# More columns than this are told as name=value in one cell.
COLUMNS_MAX = 8
# Ending of a field's name -> how people see it: other name, divisor.
SHOWN_UNITS = {"_fen": ("_yuan", 100), "_e2": ("", 100)}


def as_dict(message: Message, *, complete: bool = False) -> dict[str, Any]:
    """The message with the contract's own field names; 64-bit numbers stay numbers.

    `complete` names every field, so that a script finds 0 and "" where nothing was said.
    """
    plain = MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=complete,
    )
    return _numbers(message, plain)


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
            elif not descriptor.message_type.GetOptions().map_entry:
                _numbers(children, value)
        elif descriptor.cpp_type in (descriptor.CPPTYPE_INT64, descriptor.CPPTYPE_UINT64):
            plain[name] = [int(each) for each in value] if isinstance(value, list) else int(value)
    return plain


def moment(at_us: int) -> str:
    """Microseconds since 1970 as people in the programme's zone say it; "" for never."""
    if not at_us:
        return ""
    return datetime.fromtimestamp(at_us / 1e6, PROGRAMME_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def shown_name(name: str) -> str:
    """Heading of a field: what the unit becomes in a table, its name does too."""
    if name.endswith("_at_us"):
        return name.removesuffix("_us")
    for ending, (shown, _) in SHOWN_UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending) + shown
    return name


def readable(message: Message, plain: dict[str, Any]) -> dict[str, Any]:
    """For a person's eyes: plain words for enum values, times, yuan; names as `shown_name`."""
    return {
        shown_name(descriptor.name): _readable(
            descriptor, getattr(message, descriptor.name), plain[descriptor.name]
        )
        for descriptor in message.DESCRIPTOR.fields
        if descriptor.name in plain
    }


def _readable(descriptor: Any, value: Any, plain: Any) -> Any:
    name = descriptor.name
    if descriptor.enum_type is not None:
        return _without(plain, _upper_snake(descriptor.enum_type.name) + "_")
    if descriptor.message_type is not None:
        if descriptor.message_type.GetOptions().map_entry:
            return plain
        if isinstance(plain, list):
            return [readable(child, item) for child, item in zip(value, plain, strict=True)]
        return readable(value, plain)
    if name.endswith("_at_us"):
        return moment(plain)
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    for ending, (_, divisor) in SHOWN_UNITS.items():
        if name.endswith(ending):
            return decimal(plain, divisor)
    return plain


def decimal(amount: int, divisor: int = 100) -> str:
    """Hundredths with two decimals and commas: 120050 -> "1,200.50"; nothing is rounded."""
    whole, part = divmod(abs(amount), divisor)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:02}"


def _upper_snake(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name)[1:].upper()


def _without(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_without(item, prefix) for item in value]
    word = str(value).removeprefix(prefix).lower().replace("_", "-")
    return "" if word == "unspecified" else word


def show(rows: Iterable[Message], columns: Sequence[str], *, title: str, as_json: bool) -> None:
    """Print messages as one table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            print(json.dumps(as_dict(row, complete=True), ensure_ascii=False))
        return
    plain = [readable(row, as_dict(row, complete=True)) for row in rows]
    _print_table(title, [shown_name(column) for column in columns], plain)


def show_page(
    rows: Sequence[Message], columns: Sequence[str], *, page: Any, noun: str, as_json: bool
) -> None:
    """One page of a listing; when there is more, the command that prints it on a line of its own.

    With --json that line goes to standard error: standard output holds rows only.
    """
    show(rows, columns, title=f"{len(rows)} of {page.total} {noun}", as_json=as_json)
    if page.next_page_token:
        (errors if as_json else console).print(say("next-page"), highlight=False)
        command = next_page_command(sys.argv[1:], page.next_page_token)
        (errors if as_json else console).print(
            command, highlight=False, markup=False, soft_wrap=True
        )


def next_page_command(arguments: Sequence[str], token: str) -> str:
    """The command line that was given, with the token of the page to come."""
    kept: list[str] = []
    given = iter(arguments)
    for each in given:
        if each == "--page-token":
            next(given, None)
        elif not each.startswith("--page-token="):
            kept.append(each)
    return shlex.join(["tuopin", *kept, "--page-token", token])


def show_one(message: Message, *, title: str, as_json: bool) -> None:
    """Print one message: field by field, its lists as tables of their own; or as JSON."""
    if as_json:
        print(json.dumps(as_dict(message, complete=True), ensure_ascii=False))
        return
    table = Table(show_header=False)
    lists: dict[str, list[dict[str, Any]]] = {}
    for name, value in readable(message, as_dict(message)).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lists[name] = value
        else:
            table.add_row(name, cell(value))
    print_table(title, table)
    for name, items in lists.items():
        columns = list(dict.fromkeys(column for item in items for column in item))
        if len(columns) <= COLUMNS_MAX:
            _print_table(name, columns, items)
        else:
            _print_table(name, [name], [{name: item} for item in items])


def _print_table(title: str, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(column, "")) for column in columns))
    print_table(title, table)


def print_table(title: str, table: Table) -> None:
    """A table below its title, which is not broken to the table's width."""
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(table)


def cell(value: object) -> Text:
    """A value as text: what people wrote is never markup."""
    return Text(_told(value))


def _told(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}={_told(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_told(item) for item in value)
    return str(value)
