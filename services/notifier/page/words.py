"""What the page says, per language: its own texts, code lists and measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.programme import Programme
from services.notifier.chat.catalogue import LANGUAGES, load_catalogues


@dataclass(frozen=True, slots=True)
class Words:
    """One language. What is filled in is escaped by the template, not here."""

    language: str
    texts: Mapping[str, str]
    programme: Programme

    def say(self, key: str, **values: object) -> str:
        """A text of the page."""
        return self.texts[key].format(**values)

    def code(self, table: str, name: str) -> str:
        """The label of an enum's value; its own name where the list has none."""
        prefix = table.upper().replace("-", "_") + "_"
        code = name.removeprefix(prefix).lower().replace("_", "-")
        label = self.programme.table("codes").get(table, {}).get(code)
        return str(label[self.language]) if label else ("" if code == "unspecified" else code)

    def measure(self, code: str) -> str:
        """The name of a measure; its code where the catalogue in force has none."""
        found: Any = self.programme.table("measures").get(code)
        return str(found[self.language]) if found else code

    def sentence(self, slug: str, details: Mapping[str, object]) -> str:
        """Why a rule said no."""
        return self.programme.sentence(slug, self.language, details)

    @property
    def other(self) -> str:
        """The language to change to."""
        return LANGUAGES[1 - LANGUAGES.index(self.language)]


def load_words(folder: Path, programme: Programme) -> dict[str, Words]:
    """All languages, from programme/page."""
    found = load_catalogues(folder / "page")
    return {name: Words(name, each.texts, programme) for name, each in found.items()}
