"""Telegram's HTML: a small tag language that refuses what it does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from localchat.errors import ApiError, bad_request

TAG_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    # Custom emoji need a paid username; without one Telegram keeps only the plain emoji.
    "tg-emoji": "",
}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot)(?![A-Za-z]));?")
START = re.compile(r"<([^\s>]*)")
ATTRIBUTE = re.compile(r"""\s*([^\s=>"']+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")
END = re.compile(r"</([^\s>]*)\s*")
LINK = re.compile(r"(?:https?|tg|tel|mailto):\S+$", re.IGNORECASE)
BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[/?#]\S*)?$")


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, in which the Bot API counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def parse_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the text and the entities of Telegram's HTML, or refuse it."""
    parser = _Parser(source)
    parser.run()
    return "".join(parser.text), parser.entities


@dataclass(slots=True)
class _Open:
    tag: str
    pieces: int
    offset: int
    attributes: dict[str, str]


@dataclass(slots=True)
class _Parser:
    source: str
    at: int = 0
    offset: int = 0
    text: list[str] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)

    def run(self) -> None:
        while self.at < len(self.source):
            match self.source[self.at]:
                case "<" if self.source.startswith("</", self.at):
                    self._end_tag()
                case "<":
                    self._start_tag()
                case "&":
                    self._reference()
                case _:
                    self._characters()
        if self.open:
            tag = self.open[-1].tag
            raise _refused(f'Can\'t find end tag corresponding to start tag "{tag}"')
        for entity in self.entities:
            if entity["type"] == "code":
                entity.pop("language", None)

    def _add(self, text: str) -> None:
        self.text.append(text)
        self.offset += utf16_length(text)

    def _characters(self) -> None:
        start = self.at
        while self.at < len(self.source) and self.source[self.at] not in "<&":
            self.at += 1
        self._add(self.source[start : self.at])

    def _reference(self) -> None:
        match = REFERENCE.match(self.source, self.at)
        character = _referred(match) if match else None
        if match is None or character is None:
            # An ampersand that refers to nothing is just an ampersand.
            self.at += 1
            return self._add("&")
        self.at = match.end()
        self._add(character)

    def _start_tag(self) -> None:
        begin = self.at
        match = START.match(self.source, begin)
        assert match is not None
        self.at = match.end()
        tag = match.group(1).lower()
        if self.at >= len(self.source):
            raise self._refused_at("Unclosed start tag", begin)
        if tag not in TAG_TYPES:
            raise self._refused_at(f'Unsupported start tag "{tag}"', begin)
        attributes = self._attributes(begin)
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise self._refused_at('Tag "span" must have class "tg-spoiler"', begin)
        self.open.append(_Open(tag, len(self.text), self.offset, attributes))

    def _attributes(self, begin: int) -> dict[str, str]:
        attributes: dict[str, str] = {}
        while match := ATTRIBUTE.match(self.source, self.at):
            self.at = match.end()
            value = match.group(2) or ""
            attributes[match.group(1).lower()] = _unescaped(value.strip("\"'"))
        self.at += len(self.source[self.at :]) - len(self.source[self.at :].lstrip())
        if self.source[self.at : self.at + 1] != ">":
            raise self._refused_at("Unclosed start tag", begin)
        self.at += 1
        return attributes

    def _end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise self._refused_at("Unexpected end tag", begin)
        match = END.match(self.source, begin)
        assert match is not None
        if self.source[match.end() : match.end() + 1] != ">":
            raise self._refused_at("Unclosed end tag", begin)
        self.at = match.end() + 1
        opened, found = self.open.pop(), match.group(1).lower()
        if found not in ("", opened.tag):
            expected = f'expected "</{opened.tag}>", found "</{found}>"'
            raise _refused(f"Unmatched end tag at byte offset {self._bytes(begin)}, {expected}")
        self._close(opened)

    def _close(self, opened: _Open) -> None:
        length = self.offset - opened.offset
        fields = _fields(opened, "".join(self.text[opened.pieces :]))
        if length == 0 or fields is None:
            return
        if fields["type"] == "pre":
            fields |= self._language_of_inner_code(opened.offset, length)
        self.entities.append({**fields, "offset": opened.offset, "length": length})

    def _language_of_inner_code(self, offset: int, length: int) -> dict[str, str]:
        """Merge <pre><code class="language-x">, which is how a language is given."""
        for entity in self.entities:
            if (entity["type"], entity["offset"], entity["length"]) == ("code", offset, length):
                self.entities.remove(entity)
                return {"language": entity["language"]} if "language" in entity else {}
        return {}

    def _bytes(self, at: int) -> int:
        return len(self.source[:at].encode())

    def _refused_at(self, reason: str, at: int) -> ApiError:
        return _refused(f"{reason} at byte offset {self._bytes(at)}")


def _refused(reason: str) -> ApiError:
    return bad_request(f"can't parse entities: {reason}")


def _fields(opened: _Open, text: str) -> dict[str, Any] | None:
    kind = TAG_TYPES[opened.tag]
    match opened.tag:
        case "a":
            url = _link(opened.attributes.get("href") or text)
            return {"type": kind, "url": url} if url else None
        case "code" if opened.attributes.get("class", "").startswith("language-"):
            return {"type": kind, "language": opened.attributes["class"][len("language-") :]}
        case "blockquote" if "expandable" in opened.attributes:
            return {"type": "expandable_blockquote"}
        case _:
            return {"type": kind} if kind else None


def _link(href: str) -> str | None:
    """Return the address of a link; what is no address leaves plain text, as at Telegram."""
    if LINK.match(href):
        return href
    return f"http://{href}" if BARE_HOST.match(href) else None


def _referred(match: re.Match[str]) -> str | None:
    hexadecimal, decimal, name = match.groups()
    if name:
        return NAMED[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF else None


def _unescaped(value: str) -> str:
    return REFERENCE.sub(lambda match: _referred(match) or match.group(), value)
