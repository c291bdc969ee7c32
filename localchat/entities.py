"""Formatted text: Telegram's entities, from its HTML or given as a list.

Offsets and lengths count UTF-16 code units, as everywhere in the Bot API.
"""

from __future__ import annotations

import re
from typing import Any

from localchat.errors import ApiError, bad_request
from localchat.markup import parse_html, utf16_length

TEXT_MAX_CHARACTERS = 4096
CAPTION_MAX_CHARACTERS = 1024
# What may be written before entities are parsed, as the Bot API server has it.
SOURCE_MAX_BYTES = 1 << 15

Entity = dict[str, Any]

PLAIN_TYPES = frozenset(
    [
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
    ]
)
# Nothing is looked for inside these.
CLOSED_TYPES = frozenset({"code", "pre", "text_link"})
FOUND = (
    ("url", re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\u3002\uff0c\uff1b\uff09]")),
    ("bot_command", re.compile(r"(?<![\w/@.<])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<![\w@/.])@[A-Za-z]\w{3,31}\b")),
)


def message_text(source: str, parse_mode: str | None, given: list[Any] | None) -> Formatted:
    """Return the text of a message, formatted and within its limit."""
    formatted = _formatted(source, parse_mode, given)
    if not formatted.text:
        raise bad_request("message text is empty")
    if len(formatted.text) > TEXT_MAX_CHARACTERS:
        raise bad_request("message is too long")
    return formatted


def caption(source: str | None, parse_mode: str | None, given: list[Any] | None) -> Formatted:
    """Return a caption, formatted and within its limit; it may be empty."""
    formatted = _formatted(source or "", parse_mode, given)
    if len(formatted.text) > CAPTION_MAX_CHARACTERS:
        raise bad_request("message caption is too long")
    return formatted


class Formatted:
    """A text and its entities, in the order Telegram gives them."""

    def __init__(self, text: str, entities: list[Entity]) -> None:
        self.text = text
        self.entities = sorted(entities, key=lambda e: (e["offset"], -e["length"], e["type"]))

    def fields(self, text_name: str, entities_name: str) -> dict[str, Any]:
        """Return the fields of a message that carry this text."""
        fields: dict[str, Any] = {}
        if self.text:
            fields[text_name] = self.text
        if self.entities:
            fields[entities_name] = self.entities
        return fields


def plain(text: str) -> Formatted:
    """Return what a person wrote, with the commands and links that are found in it."""
    return _trimmed(text, [])


def _formatted(source: str, parse_mode: str | None, given: list[Any] | None) -> Formatted:
    if len(source.encode()) > SOURCE_MAX_BYTES:
        raise bad_request("text is too long")
    match (parse_mode or "none").lower():
        case "none":
            return _trimmed(source, [_checked(entity) for entity in given or []])
        case "html":
            if given:
                # Telegram would silently drop the list; a developer wants to hear of it.
                raise bad_request("parse_mode and entities exclude each other")
            return _trimmed(*parse_html(source))
        case _:
            raise bad_request("unsupported parse_mode")


def _checked(entity: Any) -> Entity:
    if not isinstance(entity, dict):
        raise _entity_error("MessageEntity must be an Object")
    for name in ("offset", "length"):
        if type(entity.get(name)) is not int:
            raise _entity_error(f'Field "{name}" must be of type Number')
    kind = entity.get("type")
    if kind not in PLAIN_TYPES:
        raise _entity_error("Unsupported type specified")
    if kind == "text_link" and not isinstance(entity.get("url"), str):
        raise _entity_error('Can\'t find field "url"')
    names = {"type", "offset", "length", "url", "language"} & entity.keys()
    return {name: entity[name] for name in names}


def _entity_error(reason: str) -> ApiError:
    return bad_request(f"can't parse MessageEntity: {reason}")


def _trimmed(text: str, entities: list[Entity]) -> Formatted:
    """Cut blanks at both ends, as Telegram does, and move the entities along."""
    cut = utf16_length(text) - utf16_length(text.lstrip())
    kept = text.strip()
    end = utf16_length(kept)
    moved = []
    for entity in entities:
        start = max(0, entity["offset"] - cut)
        stop = min(end, entity["offset"] + entity["length"] - cut)
        if start < stop:
            moved.append({**entity, "offset": start, "length": stop - start})
    return Formatted(kept, moved + _found(kept, moved))


def _found(text: str, entities: list[Entity]) -> list[Entity]:
    """Return the links, commands and mentions that Telegram would find by itself."""
    taken = [_span(entity) for entity in entities if entity["type"] in CLOSED_TYPES]
    taken += [_span(entity) for entity in entities if entity["type"] in dict(FOUND)]
    found: list[Entity] = []
    for kind, pattern in FOUND:
        for match in pattern.finditer(text):
            offset = utf16_length(text[: match.start()])
            length = utf16_length(match.group())
            if all(offset >= stop or offset + length <= start for start, stop in taken):
                taken.append((offset, offset + length))
                found.append({"type": kind, "offset": offset, "length": length})
    return found


def _span(entity: Entity) -> tuple[int, int]:
    return entity["offset"], entity["offset"] + entity["length"]
