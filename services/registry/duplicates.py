"""Candidates for one person twice in the register, as a reader sees them; and what the rules are
told of a pair.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from chassis.reads import masked
from services.registry.decider.duplicate import PairFacts, Side, pair_id_of
from services.registry.decider.likeness import TABLE
from services.registry.hearing import ear_of
from services.registry.resemblance import Candidate, Resemblance
from services.registry.tokening import events_behind, tokens_passed
from services.registry.views import people_alike
from services.wiring import ServeParts
from tuopin.registry.v1 import duplicates_pb2 as pb
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_MERGED

VIEWS = ("households", "duplicates")

# Whether the reader, who has said what for, may open the files of a village.
Reads = Callable[[str], bool]


class Duplicates:
    """Answers, and gives the rules their facts."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        ear = ear_of(parts)
        self._threshold = ear.rules.threshold
        self._resemblance = Resemblance(parts.views, parts.keys, ear)
        self._labels = parts.programme.table(TABLE)["reasons"]
        parts.handler.use_facts(pb.ConfirmDuplicate, self._facts)
        parts.handler.use_facts(pb.DismissDuplicate, self._facts)
        parts.handler.use_facts(pb.WithdrawDuplicateDecision, self._merged)

    # Candidates

    async def find(self, query: pb.FindDuplicates, language: str, reads: Reads) -> pb.Duplicates:
        """Of every member of a household, or of the one that is named."""
        await self._passed(query)
        found = await self._resemblance.of_household(query.household_id, query.person_id)
        best = sorted(found.candidates, key=lambda each: -each.likeness.score)
        return pb.Duplicates(
            candidates=await self._shown(best, language, reads),
            threshold=self._threshold,
            crowded_blocks=len(found.crowded),
            events_behind=await events_behind(self._parts),
        )

    async def sweep(
        self, query: pb.SweepDuplicates, language: str, reads: Reads
    ) -> AsyncIterator[pb.SweptDuplicates]:
        """Piece by piece; each pair once, whichever of the two is met first."""
        await self._passed(query)
        region_id = query.region_id
        total = await self._parts.views.query(
            lambda each: people_alike.count_below(each, region_id)
        )
        behind = await events_behind(self._parts)
        done, crowded = 0, set[int]()
        async for found in self._resemblance.below(region_id):
            done += found.people
            crowded |= found.crowded
            yield pb.SweptDuplicates(
                candidates=await self._shown(found.candidates, language, reads),
                people_done=done,
                people_total=max(total, done),
                crowded_blocks=len(crowded),
                events_behind=behind,
            )

    async def _passed(self, query: pb.FindDuplicates | pb.SweepDuplicates) -> None:
        """What the caller has written counts: a person, and a decision."""
        await self._parts.views.own_write(query, *VIEWS)
        if query.HasField("at_least"):
            await tokens_passed(self._parts, query.at_least)

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
        open_to_reader = reads(row.village_id)
        return pb.DuplicatePerson(
            person_id=row.person_id,
            household_id=row.household_id,
            household_number=row.household_number or "",
            village_id=row.village_id,
            birth_year=row.birth_year,
            sex=row.sex,
            is_head=not row.head_id,
            name=name if open_to_reader else masked(name),
            masked=not open_to_reader,
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
        people = (command.person_id, command.other_person_id)
        return PairFacts(sides, await self._resemblance.of_two(*people))

    async def _merged(self, command: pb.WithdrawDuplicateDecision) -> PairFacts:
        pair_id = pair_id_of(command.person_id, command.other_person_id)
        pair, _ = await self._parts.handler.state("duplicate", pair_id)
        into = {}
        for household_id in pair.household_ids:
            state, _ = await self._parts.handler.state("household", household_id)
            merged = state.status == HOUSEHOLD_STATUS_MERGED
            into[household_id] = state.file.merged_into if merged else ""
        return PairFacts(merged=any(each in into for each in into.values() if each))
