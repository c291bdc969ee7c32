"""Keeps the name tokens and the keys of those who may be alike: reads the households' lanes beside
the server, opens the names that an event touched, and replaces what the household is found by.

Rows and checkpoint are one transaction, so that a kill loses nothing and two servers write nothing
twice. Erasure deletes at once; reading `PersonErased` deletes again what was opened just before it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog
from google.protobuf.message import Message
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from chassis.envelope import parse
from chassis.sealing import SealingFault
from chassis.viewstore import ViewBehind
from services.registry.hearing import ear_of
from services.registry.tokens import tokens_of
from services.registry.views import name_tokens, people_alike
from services.registry.views.folding import Version, fold
from services.registry.views.name_tokens import ReadElsewhere, TokenRow
from services.registry.views.people_alike import AlikeRow
from services.wiring import ServeParts
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import composition_pb2 as composition
from tuopin.registry.v1 import file_pb2 as file
from tuopin.registry.v1.correction_pb2 import DateCorrected, HouseholdCorrected
from tuopin.registry.v1.household_pb2 import (
    RELATION_HEAD,
    Household,
    HouseholdRegistered,
    Member,
    PersonErased,
)
from tuopin.registry.v1.identification_pb2 import HouseholdApplied
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned
from tuopin.types.v1.types_pb2 import Position

TOPIC = "household"
# Small: names are opened in the event loop, and commands wait for it.
BATCH_RECORDS = 120
# Between two batches of a long way: an import has the machine, its people are found a bit later.
PACE_S = 0.1
AGAIN_AFTER_S = 1.0
WAIT_S = 5.0
LOOK_AGAIN_S = 0.02

# Events after which somebody is called, or lives, otherwise than before.
NAMING: tuple[type[Message], ...] = (
    HouseholdRegistered,
    HouseholdApplied,
    HouseholdCorrected,
    PersonErased,
    file.MemberJoined,
    file.MemberLeft,
    file.MemberChanged,
    file.HeadChanged,
    file.HouseholdMoved,
    HouseholdRezoned,
    composition.HouseholdSplit,
    composition.HouseholdsMerged,
    composition.HouseholdMergedAway,
    composition.HouseholdsUnmerged,
    composition.HouseholdRestored,
)
# Events of the file that change nothing of it.
SILENT: tuple[type[Message], ...] = (
    DateCorrected,
    file.IncomeStated,
    file.AddressChanged,
    file.AttributeChanged,
    file.CausesChanged,
    file.NeedsChanged,
    file.LivingConditionsChanged,
)
_NAMING_TYPES = frozenset(each.DESCRIPTOR.full_name for each in NAMING)
_ERASED = PersonErased.DESCRIPTOR.full_name

log = structlog.get_logger(__name__)


class TokenKeeper:
    """Reads on from where the table stands."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._tokens = tokens_of(parts)
        self._ear = ear_of(parts)

    async def run(self) -> None:
        """Until cancelled."""
        since = 0
        while True:
            try:
                since = await self._parts.store.appended(since)
                while await self.step():
                    await self._parts.clock.sleep(PACE_S)
            except (ReadElsewhere, IntegrityError):
                # Another server was faster: from its checkpoint on again.
                await self._parts.clock.sleep(PACE_S)
            except Exception as error:
                log.error("names not read", error=type(error).__name__)
                since = 0
                await self._parts.clock.sleep(AGAIN_AFTER_S)

    async def step(self) -> int:
        """One batch; how many records it had, 0 at the end of all lanes."""
        before = await self._parts.views.query(name_tokens.read_so_far)
        heads = await self._parts.store.heads(TOPIC)
        behind = {
            (TOPIC, head.partition): before.get(head.partition, 0)
            for head in heads
            if head.position > before.get(head.partition, 0)
        }
        if not behind:
            return 0
        share = max(1, BATCH_RECORDS // len(behind))
        read = await self._parts.store.read_lanes(behind, share)
        records = [record for lane in read.values() for record in lane]
        after = {record.partition: record.position for record in records}
        touched = await self._touched([parse(record.envelope) for record in records])
        rows, alike = await self._rows(touched.values())

        def write(connection: Connection) -> None:
            name_tokens.move(connection, before, after)
            name_tokens.replace(connection, touched, rows)
            people_alike.replace(connection, touched, alike)

        await self._parts.views.change(write)
        return len(records)

    async def _touched(self, envelopes: Sequence[Envelope]) -> dict[str, Household | None]:
        """The files of the households that are called otherwise now, still sealed."""
        streams: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            streams.setdefault(envelope.stream, []).append(envelope)
        found = {}
        for stream, events in streams.items():
            if not any(envelope.type in _NAMING_TYPES for envelope in events):
                continue
            if events[0].version > 1:
                events = [parse(each.envelope) for each in await self._parts.store.load(stream)]
            file = fold(
                Version(each.version, each.effective_on, each.type, each.data) for each in events
            )
            found[stream.removeprefix(f"{TOPIC}-")] = _living(file, events)
        return found

    async def _rows(
        self, files: Iterable[Household | None]
    ) -> tuple[list[TokenRow], list[AlikeRow]]:
        living = [each for each in files if each is not None]
        people = {member.person_id for each in living for member in each.members}
        await self._parts.keys.fetch(people)
        # No wait from here on: the keys are at hand.
        rows: list[TokenRow] = []
        alike: list[AlikeRow] = []
        for each in living:
            try:
                names = self._names(each)
                rows += [
                    row
                    for member in each.members
                    if member.person_id in names
                    for row in self._of(each, member, names[member.person_id])
                ]
                alike += self._ear.rows(each, names)
            except SealingFault as fault:
                # One damaged file keeps nobody else from being found.
                log.error(
                    "names not opened", household_id=each.household_id, error=type(fault).__name__
                )
        return rows, alike

    def _names(self, household: Household) -> dict[str, str]:
        """Person -> name; without those whose key is destroyed."""
        opened = self._parts.sealer.open_text
        people = ((each.person_id, each.name) for each in household.members)
        names = {person_id: opened(person_id, "name", name) for person_id, name in people}
        return {person_id: name for person_id, name in names.items() if name}

    def _of(self, household: Household, member: Member, name: str) -> list[TokenRow]:
        phone = self._parts.sealer.open_text(member.person_id, "phone", member.phone)
        who = (household.village_id, household.household_id, member.person_id)
        head = member.relation == RELATION_HEAD
        return [
            TokenRow(kind, token, *who, member.birth_year, head)
            for kind, token in self._tokens.of(name, phone)
        ]


def _living(file: Household | None, events: Sequence[Envelope]) -> Household | None:
    """Without those who are erased: their key may be destroyed a moment after the event."""
    types = (envelope for envelope in events if envelope.type == _ERASED)
    erased = {PersonErased.FromString(envelope.data).person_id for envelope in types}
    if file is not None and erased:
        living = [member for member in file.members if member.person_id not in erased]
        del file.members[:]
        file.members.extend(living)
    return file


async def keep_tokens(parts: ServeParts) -> None:
    """The task beside the server."""
    await TokenKeeper(parts).run()


async def tokens_passed(parts: ServeParts, position: Position) -> None:
    """Return when the names up to there can be searched; raises ViewBehind."""
    if position.topic != TOPIC:
        return
    try:
        async with asyncio.timeout(WAIT_S):
            while (await _so_far(parts)).get(position.partition, 0) < position.position:
                await parts.clock.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        raise ViewBehind(f"names not yet at {position.partition} {position.position}") from None


async def events_behind(parts: ServeParts) -> int:
    """How many events may still hold people whom a search does not find."""
    so_far = await _so_far(parts)
    heads = await parts.store.heads(TOPIC)
    return sum(max(0, head.position - so_far.get(head.partition, 0)) for head in heads)


async def _so_far(parts: ServeParts) -> Mapping[int, int]:
    return await parts.views.query(name_tokens.read_so_far)
