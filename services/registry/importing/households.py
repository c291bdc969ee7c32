"""From the rows of a household to the command that registers it, and what is wrong with them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any

from chassis import fields
from services.registry.decider import identity
from services.registry.importing import cells as reading
from services.registry.importing.cells import BadCell
from services.registry.importing.columns import SHARED, CodeLists, folded
from services.registry.importing.reading import Record
from services.registry.importing.villages import Villages
from tuopin.registry.v1.household_pb2 import Income, LivingConditions, Member, RegisterHousehold
from tuopin.registry.v1.import_pb2 import ImportHeader

MEMBERS_MAX = 30
# Combinations of coded cells that are kept, of households and of members.
PROTOTYPES_MAX = 2_000

# The import's id, and with it the command's, follows from the whole file: given at its commit.
NOT_YET = "-"
_OTHER_CAUSES = ("other_cause_1", "other_cause_2")
_CODED_OF_HOUSEHOLD = (
    "attribute", "main_cause", *_OTHER_CAUSES, "needs", "income_year", "registered_on", "source",
)  # fmt: skip
_CODED_OF_LIVING = (
    "housing_safety", "safe_drinking_water", "power", "road", "toilet", "fuel", "main_fuel",
)  # fmt: skip
_CODED_OF_MEMBER = (
    "relation", "sex", "ethnicity", "education", "at_school", "health", "labour",
    "medical_insurance", "pension_insurance", "employment", "work_place", "work_months",
)  # fmt: skip

# Field of the command -> column of the file, where they differ in name.
_COLUMN_OF = {
    "other_causes": "other_cause_1",
    "other_causes.0": "other_cause_1",
    "other_causes.1": "other_cause_2",
    "income.year": "income_year",
    "income.wages_fen": "wages_yuan",
    "income.business_fen": "business_yuan",
    "income.property_fen": "property_yuan",
    "income.transfers_fen": "transfers_yuan",
    "income.production_cost_fen": "production_cost_yuan",
    "income.tied_subsidies_fen": "tied_subsidies_yuan",
    "income.one_off_relief_fen": "one_off_relief_yuan",
    "living_conditions.farmland_mu_e2": "farmland_mu",
    "living_conditions.irrigated_mu_e2": "irrigated_mu",
    "living_conditions.forest_mu_e2": "forest_mu",
    "living_conditions.pasture_mu_e2": "pasture_mu",
    "effective_on": "registered_on",
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """One thing that keeps the file out: where it stands and which rule it breaks.

    A note keeps nothing out: it says what was understood from a cell that says something else.
    """

    row: int
    column: str
    slug: str
    details: Mapping[str, object] = field(default_factory=dict)
    note: bool = False


@dataclass(slots=True)
class FileHousehold:
    """One household of the file."""

    command: RegisterHousehold
    # Line of each member.
    rows: list[int]
    faults: list[RowFault]
    notes: list[RowFault] = field(default_factory=list)
    # Keyed digest of each member's identity number, once it is known to be one.
    people: list[bytes] = field(default_factory=list)
    # Keyed digest of what its rows say.
    digest: bytes = b""
    # In the register already, where it says something else.
    differs: bool = False

    @property
    def row(self) -> int:
        """Where it begins."""
        return self.rows[0]


class Interpreter:
    """Reads the rows of a file with this header.

    What is coded repeats itself: each combination of cells is read once and then copied.
    """

    def __init__(
        self,
        places: Mapping[str, int],
        codes: CodeLists,
        header: ImportHeader,
        villages: Villages,
        *,
        dates_from_1904: bool = False,
    ) -> None:
        self._places = places
        self._villages = villages
        self._dates_from_1904 = dates_from_1904
        self._header = header
        self._lists = codes.lists
        self._yes_no = codes.yes_no
        self._shared = [(name, places[name]) for name in SHARED if name in places]
        self._shared_cells = _getter(place for _, place in self._shared)
        self._coded_cells = _getter(places[name] for name in _CODED_OF_HOUSEHOLD if name in places)
        self._coded_member_cells = _getter(
            places[name] for name in _CODED_OF_MEMBER if name in places
        )
        self._coded_living_cells = _getter(
            places[name] for name in _CODED_OF_LIVING if name in places
        )
        self._prototypes: dict[tuple[str, ...], RegisterHousehold] = {}
        self._living_prototypes: dict[tuple[str, ...], LivingConditions] = {}
        self._member_prototypes: dict[tuple[str, ...], Member] = {}

    def household(self, number: str, records: list[Record]) -> FileHousehold:
        """The command, and every cell that cannot be read; rules come later."""
        faults: list[RowFault] = []
        notes: list[RowFault] = []
        row, cells = first = records[0]
        command = self._shared_part(number, _Cells(row, cells, self._places, faults, notes))
        members = command.members
        shared = self._shared_cells(cells)
        for row, cells in records:
            self._fill_member(members.add(), _Cells(row, cells, self._places, faults, notes))
            if self._shared_cells(cells) != shared:
                faults.extend(self._differences(first, row, cells))
        rows = [row for row, _ in records]
        if len(records) > MEMBERS_MAX:
            most = {"most": MEMBERS_MAX}
            faults.append(RowFault(rows[0], "household_number", "household-too-large", most))
        return FileHousehold(command, rows, faults, notes)

    def _shared_part(self, number: str, cells: "_Cells") -> RegisterHousehold:
        command = RegisterHousehold()
        command.CopyFrom(self._coded_part(cells))
        command.command_id = NOT_YET
        command.household_number = number
        self._note_serial(cells, "registered_on")
        command.village_id = cells.read("village_id", self._village) or ""
        command.address = cells.text("address")
        living = command.living_conditions
        living.CopyFrom(self._coded_living(cells))
        living.housing_area_m2 = cells.read("housing_area_m2", reading.whole) or 0
        living.farmland_mu_e2 = cells.read("farmland_mu", reading.hundredths) or 0
        living.irrigated_mu_e2 = cells.read("irrigated_mu", reading.hundredths) or 0
        living.forest_mu_e2 = cells.read("forest_mu", reading.hundredths) or 0
        living.pasture_mu_e2 = cells.read("pasture_mu", reading.hundredths) or 0
        income = command.income
        income.wages_fen = cells.read("wages_yuan", reading.hundredths) or 0
        income.business_fen = cells.read("business_yuan", reading.hundredths) or 0
        income.property_fen = cells.read("property_yuan", reading.hundredths) or 0
        income.transfers_fen = cells.read("transfers_yuan", reading.hundredths) or 0
        income.production_cost_fen = cells.read("production_cost_yuan", reading.hundredths) or 0
        income.tied_subsidies_fen = cells.read("tied_subsidies_yuan", reading.hundredths) or 0
        income.one_off_relief_fen = cells.read("one_off_relief_yuan", reading.hundredths) or 0
        return command

    def _coded_part(self, cells: "_Cells") -> RegisterHousehold:
        key = self._coded_cells(cells.cells)
        known = self._prototypes.get(key)
        if known is not None:
            return known
        faults_before = len(cells.faults)
        causes = [cells.read(name, self._code("cause")) for name in _OTHER_CAUSES]
        command = RegisterHousehold(
            source=reading.plain(cells.text("source")) or self._header.source,
            attribute=cells.read("attribute", self._code("attribute"), required=True),
            main_cause=cells.read("main_cause", self._code("cause"), required=True),
            other_causes=[cause for cause in causes if cause],
            needs=cells.read("needs", self._codes_of("need")) or (),
            income=Income(year=cells.read("income_year", reading.year, required=True)),
            effective_on=self._registered_on(cells) or self._header.effective_on,
            synthetic=self._header.synthetic,
        )
        if len(cells.faults) == faults_before and len(self._prototypes) < PROTOTYPES_MAX:
            self._prototypes[key] = command
        return command

    def _coded_living(self, cells: "_Cells") -> LivingConditions:
        key = self._coded_living_cells(cells.cells)
        known = self._living_prototypes.get(key)
        if known is not None:
            return known
        faults_before = len(cells.faults)
        living = LivingConditions(
            housing_safety=cells.read("housing_safety", self._code("housing-safety")),
            safe_drinking_water=cells.read("safe_drinking_water", self._yes),
            power=cells.read("power", self._yes),
            road=cells.read("road", self._yes),
            toilet=cells.read("toilet", self._yes),
            fuel=cells.text("fuel"),
            main_fuel=cells.read("main_fuel", self._code("fuel")),
        )
        if len(cells.faults) == faults_before and len(self._living_prototypes) < PROTOTYPES_MAX:
            self._living_prototypes[key] = living
        return living

    def _fill_member(self, member: Member, cells: "_Cells") -> None:
        member.CopyFrom(self._coded_member(cells))
        member.name = cells.text("name")
        number, converted = cells.read("identity_number", reading.identity_number) or ("", False)
        if converted:
            cells.note("identity_number", "identity-number-of-15-digits")
        member.identity_number = number
        member.phone = cells.read("phone", reading.phone) or ""
        member.bank_card = cells.read("bank_card", reading.bank_card) or ""
        member.birth_year = self._birth_year(cells, number)

    def _birth_year(self, cells: "_Cells", number: str) -> int:
        """As written, or as the identity number says where nothing is written."""
        text = cells.text("birth_year")
        if len(text) == 4 and text.isascii() and text.isdigit():
            return int(text)
        if not text and identity.is_valid(number):
            return identity.birth_year(number)
        self._note_serial(cells, "birth_year")
        year: int | None = cells.read("birth_year", self._year, required=not text)
        return year or 0

    def _year(self, text: str) -> int:
        return reading.year(text, dates_from_1904=self._dates_from_1904)

    def _registered_on(self, cells: "_Cells") -> str:
        day: date | None = cells.read("registered_on", self._day)
        return "" if day is None else day.isoformat()

    def _day(self, text: str) -> date:
        return reading.day(text, dates_from_1904=self._dates_from_1904)

    def _note_serial(self, cells: "_Cells", column: str) -> None:
        text = cells.text(column)
        if reading.is_serial(text):
            try:
                cells.note(column, "date-from-serial", day=self._day(text))
            except BadCell:
                # The cell itself is read next, and its fault told there.
                return

    def _village(self, text: str) -> str:
        code = reading.digits(text)
        return code if code.isascii() and code.isdigit() else self._villages.code_of(code)

    def _coded_member(self, cells: "_Cells") -> Member:
        key = self._coded_member_cells(cells.cells)
        known = self._member_prototypes.get(key)
        if known is not None:
            return known
        faults_before = len(cells.faults)
        member = Member(
            relation=cells.read("relation", self._code("relation"), required=True),
            sex=cells.read("sex", self._code("sex"), required=True),
            ethnicity=cells.text("ethnicity"),
            education=cells.read("education", self._code("education")),
            at_school=cells.read("at_school", self._yes),
            health=cells.read("health", self._code("health"), required=True),
            labour=cells.read("labour", self._code("labour"), required=True),
            medical_insurance=cells.read("medical_insurance", self._yes),
            pension_insurance=cells.read("pension_insurance", self._yes),
            employment=cells.read("employment", self._code("employment")),
            work_place=cells.read("work_place", self._code("work-place")),
            work_months=cells.read("work_months", reading.whole) or 0,
        )
        if len(cells.faults) == faults_before and len(self._member_prototypes) < PROTOTYPES_MAX:
            self._member_prototypes[key] = member
        return member

    def _code(self, name: str) -> Callable[[str], int]:
        found = self._lists[name]

        def read(text: str) -> int:
            number = found.get(text)
            if number is None:
                number = found.get(folded(text))
            if number is None:
                raise BadCell("value-not-in-code-list", list=name)
            return number

        return read

    def _codes_of(self, name: str) -> Callable[[str], list[int]]:
        read = self._code(name)
        return lambda text: [read(each) for each in reading.several(text)]

    def _yes(self, text: str) -> bool:
        found = self._yes_no.get(folded(text))
        if found is None:
            raise BadCell("value-not-in-code-list", list="yes-no")
        return found

    def _differences(self, first: Record, row: int, cells: list[str]) -> Iterator[RowFault]:
        first_row, first_cells = first
        for column, place in self._shared:
            if cells[place] != first_cells[place] and cells[place].strip():
                yield RowFault(row, column, "household-rows-differ", {"row": first_row})


class _Cells:
    """One row; cells that cannot be read become faults and count as empty."""

    __slots__ = ("_notes", "_places", "_row", "cells", "faults")

    def __init__(
        self,
        row: int,
        cells: list[str],
        places: Mapping[str, int],
        faults: list[RowFault],
        notes: list[RowFault],
    ) -> None:
        self._row = row
        self._places = places
        self._notes = notes
        self.cells = cells
        self.faults = faults

    def text(self, column: str) -> str:
        place = self._places.get(column)
        return "" if place is None else reading.said(self.cells[place])

    def note(self, column: str, slug: str, **details: object) -> None:
        """What was understood."""
        self._notes.append(RowFault(self._row, column, slug, details, note=True))

    def read(self, column: str, read: Callable[[str], Any], *, required: bool = False) -> Any:
        text = self.text(column)
        if not text:
            if required:
                self.faults.append(RowFault(self._row, column, "value-required"))
            return None
        try:
            return read(text)
        except BadCell as bad:
            self.faults.append(RowFault(self._row, column, bad.slug, bad.details))
            return None


def _getter(places: Iterable[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """Picks these cells of a row, however many there are."""
    wanted = tuple(places)
    if len(wanted) > 1:
        return itemgetter(*wanted)
    return lambda cells: tuple(cells[place] for place in wanted)


def field_faults(household: FileHousehold) -> Iterator[RowFault]:
    """What breaks the contract's field rules: one fault for each part of the household."""
    try:
        fields.check(household.command)
    except fields.InvalidField:
        pass
    else:
        return
    shared = RegisterHousehold()
    shared.CopyFrom(household.command)
    del shared.members[:]
    shared.members.append(household.command.members[0])
    parts = [(shared, ""), *((each, f"members.{n}.") for n, each in _numbered(household))]
    for part, prefix in parts:
        try:
            fields.check(part)
        except fields.InvalidField as invalid:
            if prefix or not invalid.field_path.startswith("members."):
                yield place_of(
                    household, prefix + invalid.field_path, invalid.slug, invalid.details
                )


def _numbered(household: FileHousehold) -> Iterator[tuple[int, Member]]:
    return iter(enumerate(household.command.members))


def place_of(
    household: FileHousehold, path: str, slug: str, details: Mapping[str, object]
) -> RowFault:
    """Row and column that a field of the command came from."""
    row = household.rows[0]
    column = _COLUMN_OF.get(path)
    if path.startswith("members."):
        _, ordinal, path = path.split(".", 2)
        row = household.rows[int(ordinal)]
    return RowFault(row, column or path.rpartition(".")[2], slug, details)
