"""The parameters of a method: what there may be, and of which type.

A request may carry them in the address, as a form, as JSON or as multipart; all end up here.
Telegram ignores a parameter it does not know. This server refuses it, because during
development an unknown parameter is a spelling mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from localchat.errors import ApiError, bad_request

Kind = Literal["integer", "number", "boolean", "string", "chat", "object", "array", "file", "media"]
ATTACH = "attach://"
INTEGER_BOUND = 1 << 63
TYPE_NAMES: Mapping[Kind, str] = {
    "integer": "Integer",
    "number": "Float",
    "boolean": "Boolean",
    "string": "String",
    "chat": "Integer or String",
    "object": "Object",
    "array": "Array",
    "file": "InputFile or String",
    # An array of objects, each with a "media" that is a file.
    "media": "Array of InputMedia",
}
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; ``missing`` is what a bot is told when a required one is not there."""

    name: str
    kind: Kind
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with the request."""

    filename: str
    mime: str
    data: bytes


Raw = dict[str, Any]


class Arguments:
    """The parameters of one call, typed."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        """Tell whether the parameter was given."""
        return name in self._values

    def any(self, name: str) -> Any:
        """Return the value as it came, or None."""
        return self._values.get(name)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number."""
        value = self._values.get(name, default)
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> float:
        """Return a number that was required."""
        return float(self._values[name])

    def string(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self._values.get(name)
        assert value is None or isinstance(value, str)
        return value

    def flag(self, name: str) -> bool:
        """Return a switch, off when not given."""
        return bool(self._values.get(name, False))


def parse(specs: Iterable[Parameter], raw: Raw, always: frozenset[str] = frozenset()) -> Arguments:
    """Return the typed arguments of a request, or refuse it by name of the parameter."""
    known = {spec.name: spec for spec in specs}
    given = {name: value for name, value in raw.items() if value not in ("", None)}
    attached = _attached(known, given)
    for name in given:
        if name not in known and name not in attached and name not in always:
            raise bad_request(f'unknown parameter "{name}"')
    values: dict[str, Any] = {}
    for spec in known.values():
        if spec.name in given:
            values[spec.name] = _encodable(_typed(spec, given[spec.name], given))
        elif spec.missing is not None:
            raise bad_request(spec.missing)
    return Arguments(values)


def chat_id_of(raw: Raw) -> int | None:
    """Return the chat a raw request is about, for faults that concern one chat."""
    try:
        return int(raw["chat_id"])
    except (KeyError, TypeError, ValueError):
        return None


def _encodable(value: Any) -> Any:
    """Refuse half characters, which JSON can carry and UTF-8 cannot."""
    try:
        json.dumps(value, ensure_ascii=False, default=lambda upload: upload.filename).encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    return value


def _attached(known: Mapping[str, Parameter], given: Raw) -> set[str]:
    references: list[Any] = [
        given[spec.name] for spec in known.values() if spec.kind == "file" and spec.name in given
    ]
    for spec in known.values():
        if spec.kind == "media" and spec.name in given:
            references += [each["media"] for each in _items(spec, given[spec.name])]
    return {
        reference[len(ATTACH) :]
        for reference in references
        if isinstance(reference, str) and reference.startswith(ATTACH)
    }


def _typed(spec: Parameter, value: Any, given: Raw) -> Any:
    match spec.kind:
        case "file":
            return _file(spec, value, given)
        case "string":
            # A JSON number for a text is what lenient clients send, and Telegram takes it.
            return value if isinstance(value, str) else _scalar_text(spec, value)
        case "chat" if isinstance(value, str) and value.startswith("@"):
            raise bad_request("chat not found")
        case "chat" | "integer":
            return _integer(spec, value)
        case "number":
            return _number(spec, value)
        case "boolean":
            return _boolean(spec, value)
        case "object" | "array":
            return _structure(spec, value)
        case "media":
            items = _items(spec, value)
            return [{**each, "media": _file(spec, each["media"], given)} for each in items]
        case _:
            assert_never(spec.kind)


def _file(spec: Parameter, value: Any, given: Raw) -> Upload | str:
    if isinstance(value, str) and value.startswith(ATTACH):
        value = given.get(value[len(ATTACH) :])
    if isinstance(value, Upload | str):
        return value
    raise _wrong_type(spec)


def _scalar_text(spec: Parameter, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _wrong_type(spec)


def _integer(spec: Parameter, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong_type(spec)
    try:
        number = int(value)
    except ValueError:
        raise _wrong_type(spec) from None
    if not -INTEGER_BOUND <= number < INTEGER_BOUND:
        raise _wrong_type(spec)
    return number


def _number(spec: Parameter, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong_type(spec)
    try:
        return float(value)
    except ValueError:
        raise _wrong_type(spec) from None


def _boolean(spec: Parameter, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in BOOLEANS:
        return BOOLEANS[value.lower()]
    raise _wrong_type(spec)


def _structure(spec: Parameter, value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {spec.name} JSON object") from None
    if not isinstance(value, dict if spec.kind == "object" else list):
        raise _wrong_type(spec)
    return value


def _items(spec: Parameter, value: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _structure(spec, value)
    if not all(isinstance(each, dict) and "media" in each for each in items):
        raise _wrong_type(spec)
    return items


def _wrong_type(spec: Parameter) -> ApiError:
    return bad_request(f'parameter "{spec.name}" must be of type {TYPE_NAMES[spec.kind]}')
