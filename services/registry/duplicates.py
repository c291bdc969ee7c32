"""Candidates for one person twice in the register: for a household, and for everybody of a region.

Who shares a block is compared by what is not sealed first; only the names of those who could still
be alike are opened. Nobody is compared with everybody.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from services.registry.decider.duplicate import PairFacts, Side, pair_id_of
from services.registry.decider.likeness import TABLE, Likeness, likeness, most_possible
from services.registry.hearing import ear_of, subjects_of, unnamed
from services.registry.tokening import events_behind, tokens_passed
from services.registry.views import duplicates, people_alike
from services.wiring import ServeParts
from tuopin.registry.v1 import duplicates_pb2 as pb
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_MERGED

# People of a sweep whose blocks are looked up together.
SWEEP_PEOPLE = 500
MASK = "＊"
VIEWS = ("households", "duplicates")

Reads = Callable[[str], bool]


class Suspects(NamedTuple):
    """Pairs that may come to the threshold, and the keys of blocks that were left out."""

    pairs: list[tuple[Row[Any], Row[Any]]]
    crowded: set[int]


class Candidate(NamedTuple):
    """A pair at the threshold or over it."""

    pair_id: str
    person: Row[Any]
    other: Row[Any]
    likeness: Likeness


class DuplicateFinder:
    """Finds pairs, and says of a pair what the register knows."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._ear = ear_of(parts)
        self._rules = self._ear.rules
        self._labels = parts.programme.table(TABLE)["reasons"]
        parts.handler.use_facts(pb.ConfirmDuplicate, self._facts)
        parts.handler.use_facts(pb.DismissDuplicate, self._facts)
        parts.handler.use_facts(pb.WithdrawDuplicateDecision, self._merged)

    # Candidates

    async def find(self, query: pb.FindDuplicates, language: str, reads: Reads) -> pb.Duplicates:
        """Of every member of a household, or of the one that is named."""
        await self._passed(query)
        suspects = await self._parts.views.query(lambda each: self._of_household(each, query))
        found = await self._scored(suspects.pairs)
        found.sort(key=lambda each: (-each.likeness.score, each.pair_id))
        return pb.Duplicates(
            candidates=await self._shown(found, language, reads),
            threshold=self._rules.threshold,
            crowded_blocks=len(suspects.crowded),
            events_behind=await events_behind(self._parts),
        )

    async def sweep(
        self, query: pb.SweepDuplicates, language: str, reads: Reads
    ) -> AsyncIterator[pb.SweptDuplicates]:
        """Piece by piece; each pair once, whichever of the two is met first."""
        await self._passed(query)
        region_id = query.region_id
        told = pb.SweptDuplicates(
            people_total=await self._parts.views.query(
                lambda each: people_alike.count_below(each, region_id)
            ),
            events_behind=await events_behind(self._parts),
        )
        after, crowded = ("", 0), set[int]()
        while True:
            people, suspects = await self._parts.views.query(
                lambda each: self._next(each, region_id, after)  # noqa: B023 - asked at once
            )
            if not people:
                return
            after = (people[-1].village_id, people[-1].id)
            crowded |= suspects.crowded
            found = await self._scored(suspects.pairs)
            del told.candidates[:]
            told.candidates.extend(await self._shown(found, language, reads))
            told.people_done += len(people)
            told.crowded_blocks = len(crowded)
            yield told

    async def _passed(self, query: pb.FindDuplicates | pb.SweepDuplicates) -> None:
        """What the caller has written counts: a person, and a decision."""
        await self._parts.views.own_write(query, *VIEWS)
        if query.HasField("at_least"):
            await tokens_passed(self._parts, query.at_least)

    def _of_household(self, connection: Connection, query: pb.FindDuplicates) -> Suspects:
        people = people_alike.of_household(connection, query.household_id)
        asked = [each for each in people if query.person_id in ("", each.person_id)]
        return self._suspects(connection, asked, lambda person, other: True)

    def _next(
        self, connection: Connection, region_id: str, after: tuple[str, int]
    ) -> tuple[Sequence[Row[Any]], Suspects]:
        people = people_alike.page_below(connection, region_id, after, SWEEP_PEOPLE)

        def here(person: Row[Any], other: Row[Any]) -> bool:
            """Of two in the region the one with the lower id speaks for both."""
            outside = not other.village_id.startswith(region_id)
            return outside or bool(person.person_id < other.person_id)

        return people, self._suspects(connection, people, here)

    def _suspects(
        self,
        connection: Connection,
        people: Sequence[Row[Any]],
        wanted: Callable[[Row[Any], Row[Any]], bool],
    ) -> Suspects:
        """Everything that needs no name: blocks, what is open, what is decided."""
        blocks = people_alike.blocks_of(connection, people, self._rules.block_most)
        rows = {row.id: row for row in people}
        rows |= people_alike.by_number(
            connection, {other for _, other in blocks.pairs} - rows.keys()
        )
        pairs: dict[str, tuple[Row[Any], Row[Any]]] = {}
        for number, other_number in blocks.pairs:
            person, other = rows[number], rows.get(other_number)
            if other is None or person.person_id == other.person_id or not wanted(person, other):
                continue
            possible = most_possible(unnamed(person), unnamed(other), self._rules)
            if possible >= self._rules.threshold:
                pairs[pair_id_of(person.person_id, other.person_id)] = (person, other)
        for pair_id in duplicates.decided(connection, pairs):
            del pairs[pair_id]
        return Suspects(list(pairs.values()), blocks.crowded)

    async def _scored(self, pairs: Iterable[tuple[Row[Any], Row[Any]]]) -> list[Candidate]:
        """Those at the threshold or over it, in no order but of their ids."""
        some = list(pairs)
        await self._parts.keys.fetch(subjects_of([row for pair in some for row in pair]))
        # No wait from here on: the keys are at hand.
        found = []
        for person, other in some:
            alike = likeness(self._ear.opened(person), self._ear.opened(other), self._rules)
            if alike.score >= self._rules.threshold:
                pair_id = pair_id_of(person.person_id, other.person_id)
                found.append(Candidate(pair_id, person, other, alike))
        return sorted(found, key=lambda each: each.pair_id)

    # What the reader sees

    async def _shown(
        self, found: Sequence[Candidate], language: str, reads: Reads
    ) -> list[pb.DuplicateCandidate]:
        rows = [row for each in found for row in (each.person, each.other)]
        await self._parts.keys.fetch({row.person_id for row in rows})
        return [
            pb.DuplicateCandidate(
                pair_id=each.pair_id,
                person=self._person(each.person, reads),
                other=self._person(each.other, reads),
                score=each.likeness.score,
                reasons=self.reasons(each.likeness.reasons, language),
            )
            for each in found
        ]

    def _person(self, row: Row[Any], reads: Reads) -> pb.DuplicatePerson:
        name = self._parts.sealer.open_text(row.person_id, "name", row.name)
        masked = not reads(row.village_id)
        return pb.DuplicatePerson(
            person_id=row.person_id,
            household_id=row.household_id,
            household_number=row.household_number or "",
            village_id=row.village_id,
            birth_year=row.birth_year,
            sex=row.sex,
            is_head=not row.head_id,
            name=name[:1] + MASK * (len(name) - 1) if masked else name,
            masked=masked,
        )

    def reasons(self, codes: Iterable[str], language: str) -> list[pb.DuplicateReason]:
        """With label and points as the programme has them now."""
        return [
            pb.DuplicateReason(
                code=code, label=self._labels[code][language], points=self._labels[code]["points"]
            )
            for code in codes
            if code in self._labels
        ]

    # What the rules need

    async def _facts(self, command: pb.ConfirmDuplicate | pb.DismissDuplicate) -> PairFacts:
        """Where the two stand as their files say, and how alike they are."""
        sides = {}
        for person_id, household_id in (
            (command.person_id, command.household_id),
            (command.other_person_id, command.other_household_id),
        ):
            state, _ = await self._parts.handler.state("household", household_id)
            if person_id in state.living:
                sides[person_id] = Side(person_id, household_id, state.village_id)
        rows = await self._parts.views.query(lambda each: people_alike.of_people(each, list(sides)))
        here = {row.person_id: row for row in rows}
        if len(here) < 2:
            # Not compared yet.
            return PairFacts(sides)
        await self._parts.keys.fetch(subjects_of(rows))
        one, other = (self._ear.opened(row) for row in here.values())
        return PairFacts(sides, likeness(one, other, self._rules))

    async def _merged(self, command: pb.WithdrawDuplicateDecision) -> PairFacts:
        pair_id = pair_id_of(command.person_id, command.other_person_id)
        pair, _ = await self._parts.handler.state("duplicate", pair_id)
        into = {}
        for household_id in pair.household_ids:
            state, _ = await self._parts.handler.state("household", household_id)
            merged = state.status == HOUSEHOLD_STATUS_MERGED
            into[household_id] = state.file.merged_into if merged else ""
        return PairFacts(merged=any(each in into for each in into.values() if each))
