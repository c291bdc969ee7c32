"""What a person is found by: keyed tokens of the name, its parts, its sound and the phone number.

A token is a keyed digest (`Sealer.blind`): equal for equal texts, no way back without the master
key. No event carries one; they lie in one table beside the views and go with the person.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from chassis.sealing import Sealer
from services.registry.spelling import Spelling
from services.wiring import ServeParts

TABLE = "search"
TOKEN_BYTES = 16
# As typed between the parts of a name that is no Chinese one.
_DOTS = "·•・‧．."
_NO_DOTS = str.maketrans(dict.fromkeys(_DOTS, ""))
_BLANKS_FOR_DOTS = str.maketrans(dict.fromkeys(_DOTS, " "))


class Kind(IntEnum):
    """What a token stands for. The number is stored: never reuse one."""

    # One for every person, empty: whoever lives in a village.
    ANYONE = 0
    NAME = 1
    # The given name, or one piece of a name with dots.
    PART = 2
    # "zhangwei"
    SOUND = 3
    # "zw"
    INITIALS = 4
    PHONE = 5


def plain(name: str) -> str:
    """The name as it is compared: one width of letters, no case, blanks or dots."""
    return "".join(unicodedata.normalize("NFKC", name).translate(_NO_DOTS).casefold().split())


def digits(phone: str) -> str:
    """A mobile number with and without the country's code is one."""
    bare = phone.strip().lstrip("+")
    return bare[2:] if len(bare) == 13 and bare.startswith("86") else bare


class Tokens:
    """Makes the tokens of people, and those of what somebody searches for."""

    def __init__(self, sealer: Sealer, names: Mapping[str, Any]) -> None:
        self._sealer = sealer
        self._compound = frozenset(names["compound_surnames"])
        self._readings: Mapping[str, str] = names["surname_readings"]

    @cached_property
    def _spelling(self) -> Spelling:
        """Made when the first name is spelled: its tables take 30 MB."""
        return Spelling()

    def one(self, kind: Kind, text: str) -> bytes:
        """The token of a text as somebody types it."""
        if kind is Kind.ANYONE:
            return b""
        said = digits(text) if kind is Kind.PHONE else plain(text)
        return self._sealer.blind(f"person-{kind.name.lower()}", said)[:TOKEN_BYTES]

    def of(self, name: str, phone: str) -> list[tuple[Kind, bytes]]:
        """Every token of a person, each once."""
        said = dict.fromkeys(self._said(name, phone))
        return [(kind, self.one(kind, text)) for kind, text in said]

    def spelled(self, name: str) -> tuple[str, str]:
        """Sound and initials, the surname read as surnames are."""
        return next(self._spellings(name))

    def _said(self, name: str, phone: str) -> Iterator[tuple[Kind, str]]:
        yield Kind.ANYONE, ""
        yield Kind.NAME, name
        for part in self._parts(name):
            yield Kind.PART, part
        for sound, initials in self._spellings(name):
            if sound:
                yield Kind.SOUND, sound
                yield Kind.INITIALS, initials
        if phone:
            yield Kind.PHONE, phone

    def _parts(self, name: str) -> list[str]:
        pieces = name.translate(_BLANKS_FOR_DOTS).split()
        if len(pieces) > 1:
            return pieces
        bare = plain(name)
        given = bare[len(self._surname(bare)) :]
        # Of a long one the end too: a wife's name may begin with two surnames.
        return [part for part in dict.fromkeys((given, given[-2:])) if part]

    def _surname(self, bare: str) -> str:
        return bare[:2] if bare[:2] in self._compound and len(bare) > 2 else bare[:1]

    def _spellings(self, name: str) -> Iterator[tuple[str, str]]:
        bare = plain(name)
        sound, initials = self._spelling(bare)
        surname = self._surname(bare)
        read = self._readings.get(surname)
        if read is not None:
            given_sound, given_initials = self._spelling(bare[len(surname) :])
            first = read[0] if len(surname) == 1 else self._spelling(surname)[1]
            yield read + given_sound, first + given_initials
        yield sound, initials


_OF_SEALER: "WeakKeyDictionary[Sealer, Tokens]" = WeakKeyDictionary()


def tokens_of(parts: ServeParts) -> Tokens:
    """The one that everything beside one server shares: its tables are large."""
    found = _OF_SEALER.get(parts.sealer)
    if found is None:
        found = _OF_SEALER[parts.sealer] = Tokens(parts.sealer, parts.programme.table(TABLE))
    return found
