"""Names as they are heard and compared, and the keyed digests by which people are put into blocks.

A key covers the sound of a name together with where its bearer lives or who heads the household, so
that how often a key occurs says little about how common a name is; without the master key it leads
nowhere.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Row

from chassis.sealing import Sealer
from services.registry import tokens
from services.registry.decider.likeness import NOBODY, TABLE, Called, Person, Rules, keys_of
from services.registry.spelling import Spelling
from services.registry.views.people_alike import KEY_BYTES, AlikeRow, packed
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import RELATION_HEAD, Household, Member

KIND = "people-alike"
# Characters kept as they were heard last; names are not.
CHARACTERS_MAX = 20_000


class Ear:
    """Hears names by the programme's rules."""

    def __init__(
        self, sealer: Sealer, table: Mapping[str, Any], surname_readings: Mapping[str, str]
    ) -> None:
        self.rules = Rules.of(table)
        self._sealer = sealer
        self._readings = surname_readings
        self._syllable = lru_cache(maxsize=CHARACTERS_MAX)(self._read)
        self._made_from = (table, surname_readings)

    @property
    def edition(self) -> str:
        """Of all that keys depend on."""
        table, readings = self._made_from
        of_blocks = [table["sound"], table["blocks"], readings]
        text = json.dumps(of_blocks, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _spelling(self) -> Spelling:
        """Made when the first name is heard: its tables are large."""
        return Spelling()

    def called(self, name: str) -> Called:
        """A name as it is compared."""
        text = tokens.plain(name)
        syllables = [self._syllable(character) for character in text]
        read = self._readings.get(text[:1]) if len(text) > 1 else None
        if read is not None:
            syllables[0] = (read, self.rules.heard(read))
        sounds, heard = zip(*syllables, strict=True) if syllables else ((), ())
        return Called(text, sounds, heard)

    def _read(self, character: str) -> tuple[str, str]:
        """A character that nobody can read sounds like itself."""
        sound = self._spelling(character)[0] or character
        return sound, self.rules.heard(sound)

    def key(self, text: str) -> int:
        """The keyed digest of what people of a block agree in."""
        digest = self._sealer.blind(KIND, text)
        return int.from_bytes(digest[:KEY_BYTES], "big", signed=True)

    def rows(self, household: Household, names: Mapping[str, str]) -> Iterator[AlikeRow]:
        """The members whose names are open (person -> name), as they are kept."""
        heads = (each for each in household.members if each.relation == RELATION_HEAD)
        head = next(heads, Member())
        for member in household.members:
            if member.person_id not in names:
                continue
            other = member.person_id != head.person_id and head.person_id in names
            person = Person(
                member.person_id,
                household.household_id,
                household.village_id,
                member.birth_year,
                member.sex,
                self.called(names[member.person_id]),
                self.called(names[head.person_id]) if other else NOBODY,
            )
            yield AlikeRow(
                person.household_id,
                person.person_id,
                person.village_id,
                person.birth_year,
                person.sex,
                member.name,
                head.person_id if other else "",
                head.name if other else "",
                packed(map(self.key, keys_of(person, self.rules))),
            )

    def opened(self, row: Row[Any]) -> Person:
        """The person of a row; the keys are at hand."""
        name = self._open(row.person_id, row.name)
        return unnamed(row, name, self._open(row.head_id, row.head_name))

    def _open(self, person_id: str, name: str) -> Called:
        opened = self._sealer.open_text(person_id, "name", name) if name else ""
        return self.called(opened) if opened else NOBODY


def unnamed(row: Row[Any], name: Called = NOBODY, head: Called = NOBODY) -> Person:
    """The person of a row as far as it is not sealed."""
    return Person(
        row.person_id, row.household_id, row.village_id, row.birth_year, row.sex, name, head
    )


def subjects_of(rows: Sequence[Row[Any]]) -> set[str]:
    """Whose keys open the names of these rows."""
    return {each for row in rows for each in (row.person_id, row.head_id) if each}


_OF_SEALER: "WeakKeyDictionary[Sealer, Ear]" = WeakKeyDictionary()


def ear_of(parts: ServeParts) -> Ear:
    """The one that everything beside one server shares."""
    found = _OF_SEALER.get(parts.sealer)
    if found is None:
        programme = parts.programme
        readings = programme.table(tokens.TABLE)["surname_readings"]
        found = _OF_SEALER[parts.sealer] = Ear(parts.sealer, programme.table(TABLE), readings)
    return found
