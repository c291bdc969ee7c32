"""A file's households one after the other, each checked against the rules and the rest of the file.

Memory is bounded by one piece of the file, one household and the faults that are shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

from chassis.decider import Parameters
from services.registry.decider import registration
from services.registry.decider.registration import RegistrationFacts
from services.registry.importing.columns import CodeLists
from services.registry.importing.households import (
    FileHousehold,
    Interpreter,
    RowFault,
    field_faults,
    place_of,
)
from services.registry.importing.reading import Reading, Record, Unreadable
from services.registry.importing.staging import Seen, Staging
from tuopin.registry.v1.import_pb2 import ImportHeader

FAULTS_SHOWN = 1_000
# The village is looked up with the batch, not one by one.
_VILLAGE_LATER = RegistrationFacts(village_known=True)

Blind = Callable[[str], bytes]


class Households:
    """Groups the rows of a file into households; feed it pieces, then finish."""

    def __init__(self, codes: CodeLists, header: ImportHeader) -> None:
        self._codes = codes
        self._header = header
        self._reading = Reading()
        self._interpreter: Interpreter | None = None
        self._columns = 0
        self._number_place = 0
        self._number = ""
        self._records: list[Record] = []
        self.rows = 0
        # Columns as the file writes them.
        self.header: dict[str, str] = {}
        # Faults of single rows and of the file as a whole; taken by whoever validates.
        self.faults: list[RowFault] = []

    def feed(self, piece: bytes) -> Iterator[FileHousehold]:
        """The households that are complete with this piece."""
        yield from self._grouped(self._reading.feed(piece))

    def finish(self) -> Iterator[FileHousehold]:
        """The last households of the file."""
        yield from self._grouped(self._reading.finish())
        yield from self._ended()

    def _grouped(self, records: Iterator[Record]) -> Iterator[FileHousehold]:
        for row, cells in records:
            if self._interpreter is None:
                self._open(cells)
                continue
            self.rows += 1
            if len(cells) != self._columns:
                details = {"cells": len(cells), "columns": self._columns}
                self.faults.append(RowFault(row, "", "row-of-other-length", details))
                continue
            number = cells[self._number_place].strip()
            if not number:
                self.faults.append(RowFault(row, "household_number", "value-required"))
                continue
            if number != self._number:
                yield from self._ended()
                self._number = number
            self._records.append((row, cells))

    def _open(self, cells: list[str]) -> None:
        places, faults = self._codes.places(cells)
        self.faults += [
            RowFault(1, fault.column, fault.slug, {"column": fault.column}) for fault in faults
        ]
        if any(fault.slug == "column-missing" for fault in faults):
            raise HeaderUnusable
        self._columns = len(cells)
        self._number_place = places["household_number"]
        self.header = {column: cells[place].strip() for column, place in places.items()}
        self._interpreter = Interpreter(places, self._codes, self._header)

    def _ended(self) -> Iterator[FileHousehold]:
        if self._records and self._interpreter is not None:
            yield self._interpreter.household(self._number, self._records)
            self._records = []


class HeaderUnusable(Exception):
    """Required columns are missing: the rows below mean nothing."""


@dataclass(slots=True)
class Faults:
    """All are counted, the first are kept."""

    count: int = 0
    shown: list[RowFault] = field(default_factory=list)

    def add(self, fault: RowFault) -> None:
        self.count += 1
        if len(self.shown) < FAULTS_SHOWN:
            self.shown.append(fault)


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
    ) -> None:
        self._households = Households(codes, header)
        self._region_id = header.region_id
        self._staging = staging
        self._blind = blind
        self._parameters = parameters
        self._today = today
        self._over = False
        self.faults = Faults()
        self.households = 0

    @property
    def rows(self) -> int:
        """Persons read so far."""
        return self._households.rows

    def column(self, name: str) -> str:
        """A column as the file itself writes it."""
        return self._households.header.get(name, name)

    def feed(self, piece: bytes) -> list[FileHousehold]:
        """Households of this piece, for the comparison with the register."""
        return self._checked(self._households.feed(piece))

    def finish(self) -> list[FileHousehold]:
        """The last ones; a file without any is a fault."""
        found = self._checked(self._households.finish())
        if not self.households and not self.faults.count:
            self.faults.add(RowFault(1, "", "file-empty"))
        return found

    def _checked(self, households: Iterator[FileHousehold]) -> list[FileHousehold]:
        found: list[FileHousehold] = []
        if self._over:
            return found
        try:
            for household in households:
                self.households += 1
                household.faults.extend(self._rule_faults(household))
                found.append(household)
        except Unreadable as unreadable:
            self._over = True
            self.faults.add(RowFault(unreadable.line, "", unreadable.slug))
        except HeaderUnusable:
            self._over = True
        self._take_faults(found)
        return found

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

    def _take_faults(self, found: list[FileHousehold]) -> None:
        waiting, self._households.faults = self._households.faults, []
        for fault in waiting:
            self.faults.add(fault)
        for household in found:
            for fault in household.faults:
                self.faults.add(fault)
        for row, first in self._staging.repeated_numbers(_numbers_of(found)):
            details = {"row": first}
            self.faults.add(
                RowFault(row, "household_number", "household-rows-not-together", details)
            )
        for row, first in self._staging.repeated_people(self._people_of(found)):
            self.faults.add(
                RowFault(row, "identity_number", "person-twice-in-file", {"row": first})
            )

    def _people_of(self, found: list[FileHousehold]) -> list[Seen]:
        people: list[Seen] = []
        for household in found:
            if not household.faults:
                household.people = [
                    self._blind(member.identity_number) for member in household.command.members
                ]
                people.extend(zip(household.people, household.rows, strict=True))
        return people


def _numbers_of(found: list[FileHousehold]) -> list[Seen]:
    return [(household.command.household_number, household.rows[0]) for household in found]
