"""A file's households one after the other, each checked against the rules and the rest of the file.

Memory is bounded by one piece of the file, one batch of households and the faults that are shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from chassis.decider import Parameters
from services.registry.decider import registration
from services.registry.decider.registration import RegistrationFacts
from services.registry.importing.columns import CodeLists
from services.registry.importing.grouping import NUMBER, Grouping, HeaderUnusable, RawHousehold
from services.registry.importing.households import (
    FileHousehold,
    RowFault,
    field_faults,
    place_of,
)
from services.registry.importing.reading import Unreadable
from services.registry.importing.staging import Seen, Staging
from services.registry.importing.villages import NO_VILLAGES, Villages
from tuopin.registry.v1.import_pb2 import ImportHeader

FAULTS_SHOWN = 1_000
# Households that are compared with the register together.
BATCH_HOUSEHOLDS = 250
# The village is looked up with the batch, not one by one.
_VILLAGE_LATER = RegistrationFacts(village_known=True)

Blind = Callable[[str], bytes]


@dataclass(slots=True)
class Faults:
    """All are counted and handed on once; the first are kept."""

    count: int = 0
    shown: list[RowFault] = field(default_factory=list)
    note_count: int = 0
    notes: list[RowFault] = field(default_factory=list)
    _new: list[RowFault] = field(default_factory=list)

    def add(self, fault: RowFault) -> None:
        self._new.append(fault)
        if fault.note:
            self.note_count += 1
            kept = self.notes
        else:
            self.count += 1
            kept = self.shown
        if len(kept) < FAULTS_SHOWN:
            kept.append(fault)

    def take(self) -> list[RowFault]:
        """Those since the last time."""
        new, self._new = self._new, []
        return new


class Validation:
    """Everything about a file that can be told without the register."""

    def __init__(
        self,
        codes: CodeLists,
        header: ImportHeader,
        staging: Staging,
        blind: Blind,
        parameters: Parameters,
        today: date,
        folder: Path,
        villages: Villages = NO_VILLAGES,
        keyed_digest: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._grouping = Grouping(codes, header, villages, folder, keyed_digest)
        self._region_id = header.region_id
        self._staging = staging
        self._blind = blind
        self._parameters = parameters
        self._today = today
        self._over = False
        self.faults = Faults()
        self.households = 0
        # The file as a whole cannot be taken, in no mode.
        self.unusable = False

    @property
    def rows(self) -> int:
        """Persons read so far."""
        return self._grouping.rows

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the file has."""
        return frozenset(self._grouping.header)

    def column(self, name: str) -> str:
        """A column as the file itself writes it."""
        return self._grouping.header.get(name, name)

    # Rows to households

    def feed(self, piece: bytes) -> Iterator[list[RawHousehold]]:
        """Households of this piece as they stand, a batch at a time."""
        return self._batches(self._grouping.feed(piece))

    def finish(self) -> Iterator[list[RawHousehold]]:
        """The last ones, a batch at a time; a file without any is a fault."""
        yield from self._batches(self._grouping.finish())
        if not self.households and not self.faults.count:
            self._refuse(RowFault(1, "", "file-empty"))

    def close(self) -> None:
        self._grouping.close()

    def _batches(self, households: Iterator[RawHousehold]) -> Iterator[list[RawHousehold]]:
        while not self._over:
            batch: list[RawHousehold] = []
            try:
                for each in islice(households, BATCH_HOUSEHOLDS):
                    batch.append(each)
            except Unreadable as unreadable:
                self._refuse(RowFault(unreadable.line, "", unreadable.slug))
            except HeaderUnusable:
                for fault in self._grouping.faults:
                    self._refuse(fault)
            if not batch:
                return
            self.households += len(batch)
            self._see_numbers(batch)
            yield batch

    def _refuse(self, fault: RowFault) -> None:
        self._over = self.unusable = True
        self.faults.add(fault)

    def _see_numbers(self, batch: list[RawHousehold]) -> None:
        numbers: list[Seen] = [("\x1f".join(each.key), each.row) for each in batch if each.number]
        begun = dict(self._staging.repeated_numbers(numbers))
        if not begun:
            return
        self._staging.spoil(begun.values())
        for each in batch:
            if each.row in begun:
                details = {"row": begun[each.row]}
                each.faults.append(
                    RowFault(each.row, NUMBER, "household-rows-not-together", details)
                )

    # Households to commands

    def interpreted(self, batch: list[RawHousehold]) -> list[FileHousehold]:
        """What the rows say, and every rule that they break."""
        interpreter = self._grouping.interpreter
        assert interpreter is not None
        found: list[FileHousehold] = []
        for raw in batch:
            if not raw.records:
                self.tell(raw.faults)
                continue
            household = interpreter.household(raw.number, raw.records)
            household.digest = raw.digest
            household.faults[:0] = raw.faults
            household.notes[:0] = raw.notes
            household.faults.extend(self._rule_faults(household))
            found.append(household)
        for household in found:
            self.tell(household.faults)
            self.tell(household.notes)
        self._see_people(found)
        return found

    def tell(self, faults: list[RowFault]) -> None:
        """Count and keep them."""
        for fault in faults:
            self.faults.add(fault)

    def _rule_faults(self, household: FileHousehold) -> Iterator[RowFault]:
        named = {(fault.row, fault.column) for fault in household.faults}
        # A cell that could not be read counts as empty; it is not called empty as well.
        broken = [
            fault for fault in field_faults(household) if (fault.row, fault.column) not in named
        ]
        yield from broken
        command = household.command
        if command.village_id and not command.village_id.startswith(self._region_id):
            details = {"region_id": self._region_id}
            yield RowFault(household.rows[0], "village_id", "village-outside-region", details)
        if broken or household.faults:
            # The rules would only repeat what is said already.
            return
        for fault in registration.faults(command, _VILLAGE_LATER, self._parameters, self._today):
            yield place_of(household, fault.path, fault.slug, fault.details)

    def _see_people(self, found: list[FileHousehold]) -> None:
        people: list[Seen] = []
        for household in found:
            if not household.faults:
                household.people = [
                    self._blind(member.identity_number) for member in household.command.members
                ]
                people.extend(zip(household.people, household.rows, strict=True))
        repeated = dict(self._staging.repeated_people(people))
        if not repeated:
            return
        for household in found:
            for row in household.rows:
                if row in repeated:
                    details = {"row": repeated[row]}
                    fault = RowFault(row, "identity_number", "person-twice-in-file", details)
                    household.faults.append(fault)
                    self.faults.add(fault)
