"""Registrations at speed: known villages kept at hand, and households that repeat their own file
told from those that contradict it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from google.protobuf.message import Message

from chassis.clock import MICROSECONDS
from chassis.decider import Actor
from chassis.handle import Handler
from chassis.rejection import FactMissing, Rejected
from services.registry import facts
from services.registry.current_files import FilesAtHand
from services.registry.decider.current import CurrentFiles
from services.registry.decider.registration import RegistrationFacts, household_id_of, repeats
from services.wiring import ServeParts
from tuopin.registry.v1.composition_pb2 import (
    MergeHouseholds,
    MoveMember,
    SplitHousehold,
    UnmergeHouseholds,
)
from tuopin.registry.v1.correction_pb2 import CorrectHousehold
from tuopin.registry.v1.file_pb2 import AddMember, ChangeAddress, ChangeMember, MoveHousehold
from tuopin.registry.v1.household_pb2 import RegisterHousehold
from tuopin.types.v1.types_pb2 import Outcome, Receipt

ALREADY_KNOWN = "household-already-known"
# Another process may adopt an edition that lacks a village: it is asked for again after so long.
VILLAGES_KEPT_S = 10
VILLAGES_MAX = 10_000


class Registrations:
    """Gives RegisterHousehold its facts, and tries a repeated file again as what it is."""

    def __init__(self, parts: ServeParts) -> None:
        self._handler = parts.handler
        self._files = FilesAtHand(parts)
        self._views = parts.views
        self._clock = parts.clock
        self._villages: dict[str, int] = {}
        # Commands found to repeat the file of a household, while they are handled again.
        self._repeating: set[str] = set()
        parts.handler.use_facts(RegisterHousehold, self.facts)
        for command, read in self._readers().items():
            parts.handler.use_facts(command, read)

    async def facts(self, command: RegisterHousehold) -> RegistrationFacts:
        """No wait for the database while the village was asked for a moment ago."""
        if not await self.village_known(command.village_id):
            return RegistrationFacts(False)
        return RegistrationFacts(True, same_content=command.command_id in self._repeating)

    async def village_known(self, village_id: str) -> bool:
        """Whether the regions in force have the village; FactMissing before any are."""
        now_us = self._clock.now_us()
        if now_us < self._villages.get(village_id, 0):
            return True
        found = await self._views.query(lambda each: facts.village_known(each, village_id))
        if found:
            self._keep(village_id, now_us + VILLAGES_KEPT_S * MICROSECONDS)
        return found

    async def look_up(self, village_ids: Iterable[str]) -> None:
        """Have those that are known at hand: one question for a whole batch."""
        now_us = self._clock.now_us()
        unseen = [each for each in set(village_ids) if now_us >= self._villages.get(each, 0)]
        if not unseen:
            return
        # Before any region is there, each command hears so by itself.
        with suppress(FactMissing):
            for each in await self._views.query(lambda found: facts.villages_known(found, unseen)):
                self._keep(each, now_us + VILLAGES_KEPT_S * MICROSECONDS)

    def _readers(self) -> dict[type[Message], Callable[[Any], Awaitable[CurrentFiles]]]:
        """Commands whose rules compare with the opened file."""
        alone = (AddMember, ChangeMember, ChangeAddress, MoveMember, SplitHousehold)
        return {
            CorrectHousehold: self._correction,
            MoveHousehold: self._move,
            **dict.fromkeys(alone, self._own_file),
            **dict.fromkeys((MergeHouseholds, UnmergeHouseholds), self._both_files),
        }

    async def _own_file(self, command: Any) -> CurrentFiles:
        return await self._files.of([command.household_id])

    async def _both_files(self, command: MergeHouseholds | UnmergeHouseholds) -> CurrentFiles:
        return await self._files.of([command.household_id, command.merged_household_id])

    async def _move(self, command: MoveHousehold) -> CurrentFiles:
        known = await self.village_known(command.village_id)
        return await self._files.of([command.household_id], village_known=known)

    async def _correction(self, command: CorrectHousehold) -> CurrentFiles:
        known = await self.village_known(command.file.village_id)
        return await self._files.of([household_id_of(command.file)], village_known=known)

    def _keep(self, village_id: str, until_us: int) -> None:
        if len(self._villages) >= VILLAGES_MAX:
            self._villages.clear()
        self._villages[village_id] = until_us

    def forget_villages(self) -> None:
        """Another edition is in force."""
        self._villages.clear()

    async def one(
        self, command: RegisterHousehold, handle: Callable[[], Awaitable[Receipt]]
    ) -> Receipt:
        """`handle` the command; once more, and without effect, when it repeats a known file."""
        try:
            return await handle()
        except Rejected as rejection:
            if rejection.slug != ALREADY_KNOWN or not await self.repeated(command):
                raise
        return await self._again(command, handle)

    async def _again(
        self, command: RegisterHousehold, handle: Callable[[], Awaitable[Receipt]]
    ) -> Receipt:
        self._repeating.add(command.command_id)
        try:
            return await handle()
        finally:
            self._repeating.discard(command.command_id)

    async def repeated(self, command: RegisterHousehold) -> bool:
        """Whether the household's file says exactly this."""
        file, version = await self._files.current(household_id_of(command))
        return version > 0 and repeats(command, file)

    async def settle(
        self, commands: Sequence[RegisterHousehold], outcomes: Sequence[Outcome], actor: Actor
    ) -> list[Outcome]:
        """The outcomes of a batch, with receipts for the households that repeat their file."""
        settled = []
        for command, outcome in zip(commands, outcomes, strict=True):
            again = outcome.refusal.slug == ALREADY_KNOWN and await self.repeated(command)
            settled.append(await self._unchanged(command, actor) if again else outcome)
        return settled

    async def _unchanged(self, command: RegisterHousehold, actor: Actor) -> Outcome:
        receipt = await self._again(
            command, lambda: self._handler.handle(command, actor, checked=True)
        )
        return Outcome(command_id=command.command_id, receipt=receipt)


_OF_HANDLER: "WeakKeyDictionary[Handler, Registrations]" = WeakKeyDictionary()


def registrations_of(parts: ServeParts) -> Registrations:
    """The one that the server and the imports beside it share."""
    found = _OF_HANDLER.get(parts.handler)
    if found is None:
        found = _OF_HANDLER[parts.handler] = Registrations(parts)
    return found
