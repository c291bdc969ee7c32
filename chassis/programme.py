"""The programme data in force: parameters, tables and sentences, read from TOML files at start.

Another country, county or year replaces these files, not the code.
"""

import hashlib
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from chassis.rejection import Rejected

PARAMETERS = "parameters"
LANGUAGES = ("zh", "en")
DEFAULT_LANGUAGE = LANGUAGES[0]
EDITION_LEN = 16


class ParameterUnknown(Rejected):
    """No value is known for that day and place: the data begin later, or the name is wrong."""

    def __init__(self, name: str, on: date, region: str) -> None:
        super().__init__("parameter-unknown", name=name, on=on, region=region)


class ProgrammeFault(Exception):
    """A file of the programme data cannot be used; the text names file and place."""


@dataclass(frozen=True, slots=True)
class _Value:
    region: str
    since: date
    value: int


@dataclass(frozen=True, slots=True)
class Programme:
    """One edition of the programme data. Implements Parameters of chassis/decider.py."""

    edition: str
    tables: Mapping[str, Mapping[str, Any]]
    # Language -> slug -> sentence.
    sentences: Mapping[str, Mapping[str, str]]
    _numbers: Mapping[str, tuple[_Value, ...]] = field(repr=False)

    @classmethod
    def load(cls, folder: str | Path, overlay: str | Path = "") -> "Programme":
        """Read every table and sentence below the folder; ProgrammeFault when one is unsound.

        A table of the folder `overlay` takes the place of the one of the same name.
        """
        chosen = {path.stem: path for path in Path(folder).glob("*.toml")}
        if not chosen:
            raise ProgrammeFault(f"no programme data in {folder}")
        if overlay:
            chosen |= {path.stem: path for path in Path(overlay).glob("*.toml")}
        files = [chosen[name] for name in sorted(chosen)]
        tables = {path.stem: _read(path) for path in files}
        return cls(
            edition=_edition(files),
            tables=tables,
            sentences=_sentences(Path(folder)),
            _numbers={
                name: tuple(_values(name, entry))
                for name, entry in tables.get(PARAMETERS, {}).items()
            },
        )

    def number(self, name: str, *, on: date, region: str = "") -> int:
        """The latest value known on that day, of the region or its nearest ancestor with one."""
        for each in self._numbers.get(name, ()):
            if each.since <= on and region.startswith(each.region):
                return each.value
        raise ParameterUnknown(name, on, region)

    def table(self, name: str) -> Mapping[str, Any]:
        return self.tables[name]

    def sentence(
        self,
        slug: str,
        language: str = DEFAULT_LANGUAGE,
        details: Mapping[str, object] | None = None,
    ) -> str:
        """The sentence of a slug in a language; the slug itself where none is written."""
        known = self.sentences.get(language) or self.sentences[DEFAULT_LANGUAGE]
        text = known.get(slug)
        return slug if text is None else _Filled(details or {}).format(text)


class _Filled(string.Formatter):
    """Fills {names}; one that was not given stays readable instead of failing the answer."""

    def __init__(self, details: Mapping[str, object]) -> None:
        self._details = details

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return str(self._details.get(field_name, "…")), field_name


def placeholders(text: str) -> set[str]:
    """The names that a sentence wants filled."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def chosen_language(accept_language: str | None) -> str:
    """The first language of an `accept-language` that we speak: "en-GB,en;q=0.8" -> "en"."""
    for part in (accept_language or "").split(","):
        language = part.split(";")[0].strip().split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return DEFAULT_LANGUAGE


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProgrammeFault(f"{path.name}: {error}") from error


def _edition(files: list[Path]) -> str:
    """Digest over names and contents. Sentences are not in it: they decide nothing."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name}\x00{len(content)}\x00".encode() + content)
    return digest.hexdigest()[:EDITION_LEN]


def _values(name: str, entry: Any) -> list[_Value]:
    """Nearest region first, within it the latest first: the first that fits is the answer."""
    try:
        values = [
            _Value(str(each.get("region", "")), each["since"], each["value"])
            for each in entry["values"]
        ]
        sound = values and all(
            type(each.since) is date and type(each.value) is int for each in values
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ProgrammeFault(f"{PARAMETERS}.toml: {name}: {error!r}") from error
    if not sound:
        raise ProgrammeFault(f"{PARAMETERS}.toml: {name}: a value has a date and an integer")
    return sorted(values, key=lambda v: (len(v.region), v.since), reverse=True)


def _sentences(folder: Path) -> dict[str, dict[str, str]]:
    """Language -> slug -> sentence, all services' files together; a slug has one owner and both
    languages.
    """
    merged: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for path in sorted((folder / "sentences").glob("*.toml")):
        for slug, said in _read(path).items():
            where = f"sentences/{path.name}: {slug}"
            if not isinstance(said, dict) or set(said) != set(LANGUAGES):
                raise ProgrammeFault(f"{where} needs a sentence in {' and '.join(LANGUAGES)}")
            for language, text in said.items():
                if merged[language].setdefault(slug, text) != text:
                    raise ProgrammeFault(f"{where} is said in two ways")
    return merged
