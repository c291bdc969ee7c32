"""What the bot says, per language: programme/chat/{zh,en}.toml."""

import html
import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("zh", "en")
DEFAULT_LANGUAGE = LANGUAGES[0]
# The provider's limits, in characters.
TEXT_MAX = 4096
ANSWER_MAX = 200
# No value that is filled in is longer: a text of ours plus its values stays under the limit.
VALUE_MAX = 300


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language, by section and name: "task.offer"."""

    language: str
    texts: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """The text as HTML; what is filled in is escaped."""
        filled = {name: html.escape(_cut(value), quote=False) for name, value in values.items()}
        return self.texts[key].format(**filled)

    def plain(self, key: str, **values: object) -> str:
        """The text for a button or the answer to a tap, which know no HTML."""
        return self.texts[key].format(**values)[:ANSWER_MAX]


def load_catalogues(folder: Path) -> dict[str, Catalogue]:
    """All languages, from the folder of the programme's chat texts."""
    return {
        language: Catalogue(
            language,
            dict(_flat(_read(folder / f"{language}.toml"))) | _named(folder.parent, language),
        )
        for language in LANGUAGES
    }


def _named(programme: Path, language: str) -> dict[str, str]:
    """What the policies call their kinds, reasons and topics: "kind.first-visit"."""
    policies = _read(programme / "policies.toml")
    named = {
        f"{section}.{code}": words[language]
        for section, codes in (
            ("decline", policies["decline_reasons"]),
            ("return", policies["return_reasons"]),
            ("topic", policies["topics"]),
        )
        for code, words in codes.items()
    }
    for name in policies["files"]:
        for kind, row in _read(programme / f"{name}.toml")["kinds"].items():
            named[f"kind.{kind}"] = row[language]
    return named


def placeholders(text: str) -> frozenset[str]:
    """The names that a text wants filled."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


def chosen(catalogues: Mapping[str, Catalogue], language: str) -> Catalogue:
    """The catalogue of a language like "en" or "en-GB"; the first one where we have none."""
    short = language.lower().partition("-")[0]
    return catalogues.get(short) or catalogues[DEFAULT_LANGUAGE]


def joined(lines: list[str]) -> str:
    """The lines as one text, without those that would break the provider's limit."""
    kept, size = list[str](), 0
    for line in lines:
        size += len(line) + 1
        if size > TEXT_MAX:
            break
        kept.append(line)
    return "\n".join(kept)


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            assert isinstance(value, str), f"{prefix}{name} is no text"
            yield f"{prefix}{name}", value
