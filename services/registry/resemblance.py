"""Pairs of people who may be one, found without comparing everybody with everybody.

Who shares a block is compared by what is not sealed first; only the names of those who could still
be alike are opened. Pairs about which the office has decided are not looked at.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from chassis.keys import Keys
from chassis.viewstore import ViewStore
from services.registry.decider.duplicate import pair_id_of
from services.registry.decider.likeness import NOT_ALIKE, Likeness, likeness, most_possible
from services.registry.hearing import Ear, subjects_of, unnamed
from services.registry.views import duplicates, people_alike

# People of a sweep whose blocks are looked up together.
SWEEP_PEOPLE = 500


class Candidate(NamedTuple):
    """A pair at the threshold or over it."""

    pair_id: str
    person: Row[Any]
    other: Row[Any]
    likeness: Likeness


class Found(NamedTuple):
    """Candidates in the order of their ids, how many people were looked at for them, and keys of
    blocks that were left out because too many people share them.
    """

    candidates: list[Candidate]
    people: int
    crowded: set[int]


class _Suspects(NamedTuple):
    asked: Sequence[Row[Any]]
    pairs: dict[str, tuple[Row[Any], Row[Any]]]
    crowded: set[int]


Wanted = Callable[[Row[Any], Row[Any]], bool]


class Resemblance:
    """Compares the people whom the registry's tables hold."""

    def __init__(self, views: ViewStore, keys: Keys, ear: Ear) -> None:
        self._views = views
        self._keys = keys
        self._ear = ear
        self._rules = ear.rules

    async def of_household(self, household_id: str, person_id: str = "") -> Found:
        """Of every member, or of the one that is named; the candidate's `person` is theirs."""

        def look(connection: Connection) -> _Suspects:
            people = people_alike.of_household(connection, household_id)
            asked = [each for each in people if person_id in ("", each.person_id)]
            return self._suspects(connection, asked, lambda person, other: True)

        return await self._found(await self._views.query(look))

    async def below(self, region_id: str) -> AsyncIterator[Found]:
        """Of everybody below a region, piece by piece; each pair once."""
        after = ("", 0)

        def wanted(person: Row[Any], other: Row[Any]) -> bool:
            """Of two in the region the one with the lower id speaks for both."""
            outside = not other.village_id.startswith(region_id)
            return outside or bool(person.person_id < other.person_id)

        def look(connection: Connection) -> _Suspects:
            people = people_alike.page_below(connection, region_id, after, SWEEP_PEOPLE)
            return self._suspects(connection, people, wanted)

        while (suspects := await self._views.query(look)).asked:
            last = suspects.asked[-1]
            after = (last.village_id, last.id)
            yield await self._found(suspects)

    async def of_two(self, person_id: str, other_person_id: str) -> Likeness:
        """How alike two people are, whatever was decided; not at all before they are read."""
        people = [person_id, other_person_id]
        rows = await self._views.query(lambda each: people_alike.of_people(each, people))
        one, other = ({row.person_id: row for row in rows}.get(each) for each in people)
        if one is None or other is None:
            return NOT_ALIKE
        await self._keys.fetch(subjects_of(rows))
        return likeness(self._ear.opened(one), self._ear.opened(other), self._rules)

    def _suspects(
        self, connection: Connection, people: Sequence[Row[Any]], wanted: Wanted
    ) -> _Suspects:
        """Everything that needs no name: blocks, what is open, what is decided."""
        blocks = people_alike.blocks_of(connection, people, self._rules.block_most)
        rows = {row.id: row for row in people}
        unread = {other for _, other in blocks.pairs} - rows.keys()
        rows |= people_alike.by_number(connection, unread)
        pairs = {}
        for number, other_number in blocks.pairs:
            person, other = rows[number], rows.get(other_number)
            if other is None or person.person_id == other.person_id or not wanted(person, other):
                continue
            possible = most_possible(unnamed(person), unnamed(other), self._rules)
            if possible >= self._rules.threshold:
                pairs[pair_id_of(person.person_id, other.person_id)] = (person, other)
        for pair_id in duplicates.decided(connection, pairs):
            del pairs[pair_id]
        return _Suspects(people, pairs, blocks.crowded)

    async def _found(self, suspects: _Suspects) -> Found:
        rows = [row for pair in suspects.pairs.values() for row in pair]
        await self._keys.fetch(subjects_of(rows))
        # No wait from here on: the keys are at hand.
        found = []
        for pair_id, (person, other) in sorted(suspects.pairs.items()):
            alike = likeness(self._ear.opened(person), self._ear.opened(other), self._rules)
            if alike.score >= self._rules.threshold:
                found.append(Candidate(pair_id, person, other, alike))
        return Found(found, len(suspects.asked), suspects.crowded)
