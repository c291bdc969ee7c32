"""Figures: counts, deciles and flows of any day as known at any moment, with what they mean."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from sqlalchemy import Connection

from chassis.decider import PROGRAMME_ZONE
from chassis.enumcodes import code_by_number, number_by_code
from chassis.rejection import require
from services.registry.passing import lanes_passed
from services.registry.views import figures, regions
from services.registry.views.coded import PERSON_CODES, Cell, Coded, Person
from services.registry.views.figures import Counted, Moment
from services.registry.views.spans import COUNTY_DIGITS, NO_MOMENT_US
from services.wiring import ServeParts
from tuopin.registry.v1 import figures_pb2 as pb
from tuopin.registry.v1 import household_pb2

VIEW = "households"

# What the sums of the counties hold: attributes of a household's cell, and of people.
_OF_CELL = {"status": "status", "attribute": "attribute", "cause": "cause", "cause8": "cause"}
_OF_PEOPLE = {"sex", "health", "labour", "education", "at-school"}
_ENUM_OF_LIST = {
    "household-status": household_pb2.HouseholdStatus.DESCRIPTOR,
    "attribute": household_pb2.Attribute.DESCRIPTOR,
    "cause": household_pb2.Cause.DESCRIPTOR,
    "sex": household_pb2.Sex.DESCRIPTOR,
    "health": household_pb2.Health.DESCRIPTOR,
    "labour": household_pb2.Labour.DESCRIPTOR,
    "education": household_pb2.Education.DESCRIPTOR,
}
_LEVELS = (2, 4, 6, 9, 12)

Codes = tuple[str, ...]
Totals = dict[Codes, Counted]


@dataclass(frozen=True)
class Words:
    """The tables of programme/figures.toml and programme/codes.toml, read once."""

    table: Mapping[str, Any]
    codes: Mapping[str, Any]

    @cached_property
    def class_of(self) -> dict[int, str]:
        """Status -> its class."""
        numbers = number_by_code(household_pb2.HouseholdStatus.DESCRIPTOR)
        return {
            numbers[status]: name
            for name, entry in self.table["classes"].items()
            for status in entry["statuses"]
        }

    @cached_property
    def cause8(self) -> dict[int, str]:
        """Cause -> one of the eight causes of older reports."""
        numbers = number_by_code(household_pb2.Cause.DESCRIPTOR)
        return {
            numbers[cause]: name
            for name, entry in self.table["cause8"].items()
            for cause in entry["causes"]
        }

    def age(self, birth_year: int, as_of: str) -> str:
        """The band of the age at the end of the year asked about."""
        years = int(as_of[:4]) - birth_year
        return next((name for name, band in self.table["age"].items() if years <= band["to"]), "")

    def label(self, by: str, code: str, language: str) -> str:
        """What a code says to a person."""
        entry = self.table["by"][by]
        known = self.codes[entry["codes"]] if "codes" in entry else self.table.get(by, {})
        return str(known[code][language]) if code in known else code


class FigureBook:
    """Answers questions about figures."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        programme = parts.programme
        self._words = Words(programme.table("figures"), programme.table("codes"))

    async def count(self, request: pb.CountHouseholds, language: str) -> pb.Figures:
        """Rejects names that nothing is counted by, and moments that have not come."""
        for ordinal, name in enumerate(request.by):
            known = ", ".join(self._words.table["by"])
            require(name in self._words.table["by"], "figure-not-counted-by", field=f"by.{ordinal}",
                    name=name, known=known)  # fmt: skip
            require(name not in request.by[:ordinal], "figure-counted-twice", field=f"by.{ordinal}")
        self._require_class(request.status_class)
        at = await self._asked(request.as_of, request)
        totals, names = await self._parts.views.query(
            lambda connection: self._count(connection, request, at)
        )
        overall = totals.pop((), Counted(0, 0))
        withheld = withhold(totals, request.withhold_below)
        answer = pb.Figures(
            definition=self._definition("count", language),
            region_id=request.region_id,
            as_of=at.as_of,
            known_at_us=request.known_at_us or self._parts.clock.now_us(),
            by=request.by,
            households=overall.households,
            people=overall.people,
        )
        order = self._order(request.by)
        for codes in sorted(totals, key=order):
            row = answer.rows.add(codes=codes, withheld=codes in withheld)
            for by, code in zip(request.by, codes, strict=True):
                known = names.get(code, code) if by == "region" else ""
                row.labels.append(known or self._words.label(by, code, language))
            if not row.withheld:
                row.households, row.people = totals[codes]
        return answer

    async def deciles(self, request: pb.GetIncomeDeciles, language: str) -> pb.IncomeDeciles:
        """Income per head of the households of a class, in tenths."""
        self._require_class(request.status_class)
        at = await self._asked(request.as_of, request)
        wanted = self._statuses(request.status_class)
        incomes = await self._parts.views.query(
            lambda connection: [
                row.income_per_head_fen
                for row in figures.in_force(connection, request.region_id, at)
                if row.status in wanted
            ]
        )
        answer = pb.IncomeDeciles(
            definition=self._definition("deciles", language),
            region_id=request.region_id,
            as_of=at.as_of,
            known_at_us=request.known_at_us or self._parts.clock.now_us(),
            households=len(incomes),
        )
        for ordinal, (count, least, most, mean) in enumerate(figures.deciles(incomes), 1):
            answer.deciles.add(
                decile=ordinal, households=count, least_fen=least, most_fen=most, mean_fen=mean
            )
        return answer

    async def flows(self, request: pb.GetFlows, language: str) -> pb.Flows:
        """Who changed class between two days."""
        require(request.from_on <= request.to_on, "figure-days-reversed", field="to_on")
        at = await self._asked(request.to_on, request)
        before = Moment(request.from_on, at.known_at_us)
        class_of = self._words.class_of
        found = await self._parts.views.query(
            lambda connection: figures.flows(
                figures.in_force(connection, request.region_id, before),
                figures.in_force(connection, request.region_id, at),
                class_of,
            )
        )
        answer = pb.Flows(
            definition=self._definition("flows", language),
            region_id=request.region_id,
            from_on=request.from_on,
            to_on=request.to_on,
            known_at_us=request.known_at_us or self._parts.clock.now_us(),
        )
        classes = self._words.table["classes"]
        for (was, became), counted in sorted(found.items()):
            answer.flows.add(
                from_class=was,
                to_class=became,
                from_label=classes[was][language] if was else "",
                to_label=classes[became][language] if became else "",
                households=counted.households,
                people=counted.people,
            )
        return answer

    async def _asked(self, as_of: str, request: Any) -> Moment:
        """The moment of a question, once the caller's own write is in the view."""
        await self._parts.views.own_write(request, VIEW)
        return await self.moment(as_of, request.known_at_us)

    async def moment(self, as_of: str, known_at_us: int) -> Moment:
        """The day (default: today) and the moment, once the view has heard all known then."""
        if known_at_us:
            await lanes_passed(self._parts, known_at_us, (VIEW,), "household")
        today = self._parts.clock.now().astimezone(PROGRAMME_ZONE).date().isoformat()
        return Moment(as_of or today, known_at_us or NO_MOMENT_US)

    def _require_class(self, name: str) -> None:
        classes = self._words.table["classes"]
        known = ", ".join(classes)
        require(not name or name in classes, "figure-class-not-known", field="status_class",
                name=name, known=known)  # fmt: skip

    def _statuses(self, name: str) -> set[int]:
        return {status for status, each in self._words.class_of.items() if not name or each == name}

    def _definition(self, name: str, language: str) -> pb.FigureDefinition:
        entry = self._words.table["figures"][name]
        return pb.FigureDefinition(
            name=name,
            sentence=entry[language],
            rule=entry["rule"],
            programme=self._parts.programme.edition,
        )

    def _order(self, by: Sequence[str]) -> Callable[[Codes], tuple[Any, ...]]:
        """Codes in the order of their list; what has none by number or text."""
        places: list[dict[str, int]] = []
        for name in by:
            entry = self._words.table["by"][name]
            known = self._words.codes[entry["codes"]] if "codes" in entry else {}
            places.append(
                {code: n for n, code in enumerate(known or self._words.table.get(name, ()))}
            )
        return lambda codes: tuple(
            (place.get(code, len(place)), code.zfill(12))
            for place, code in zip(places, codes, strict=True)
        )

    def _count(
        self, connection: Connection, request: pb.CountHouseholds, at: Moment
    ) -> tuple[Totals, dict[str, str]]:
        """Totals by codes; under () the total of all."""
        counting = Counting(self._words, tuple(request.by), at, request.region_id)
        statuses = self._statuses(request.status_class)
        if counting.is_standard:
            totals = counting.from_sums(connection, statuses)
        else:
            totals = counting.from_spans(connection, statuses)
        names: dict[str, str] = {}
        if "region" in request.by:
            place = list(request.by).index("region")
            counted = {codes[place] for codes in totals if codes}
            names = regions.names_of(connection, sorted(counted), at.as_of)
        return totals, names


class Counting:
    """One count: what it is by, and how the codes of a household or a cell are found."""

    def __init__(self, words: Words, by: tuple[str, ...], at: Moment, region_id: str) -> None:
        self._words = words
        self._by = by
        self._at = at
        self._region_id = region_id
        self._child_digits = next((n for n in _LEVELS if n > len(region_id)), _LEVELS[-1])

    @property
    def is_standard(self) -> bool:
        """Whether the sums of the counties hold it: any of a household's cell, and of people one
        attribute.
        """
        of_people = [name for name in self._by if name in _OF_PEOPLE]
        known = all(name in _OF_CELL or name in _OF_PEOPLE for name in self._by)
        return known and len(of_people) <= 1 and len(self._region_id) <= COUNTY_DIGITS

    def from_sums(self, connection: Connection, statuses: set[int]) -> Totals:
        """A standard cross."""
        person = next((name for name in self._by if name in _OF_PEOPLE), "")
        attribute = person.replace("-", "_")
        values = PERSON_CODES[attribute] if person else ()
        names = ("households", "people", *(f"{attribute}_{value}" for value in values))
        totals: dict[Codes, list[int]] = defaultdict(lambda: [0, 0])
        found = figures.standard(connection, self._region_id, self._at, names)
        for cell, (households, people, *counts) in found.items():
            if cell.status not in statuses:
                continue
            _add(totals, (), Counted(households, people))
            if not person:
                if self._by:
                    _add(totals, self._cell_codes(cell, "", 0), Counted(households, people))
                continue
            for value, count in zip(values, counts, strict=True):
                if count:
                    _add(totals, self._cell_codes(cell, person, value), Counted(0, count))
        return {codes: Counted(*total) for codes, total in totals.items()}

    def _cell_codes(self, cell: Cell, person: str, value: int) -> Codes:
        return tuple(
            self._code(name, value if name == person else getattr(cell, _OF_CELL.get(name, "")))
            for name in self._by
        )

    def from_spans(self, connection: Connection, statuses: set[int]) -> Totals:
        """A free cross, household by household."""
        totals: dict[Codes, list[int]] = defaultdict(lambda: [0, 0])
        of_people = any(self._words.table["by"][name]["of"] == "people" for name in self._by)
        for of in figures.coded_in_force(connection, self._region_id, self._at):
            if of.status not in statuses:
                continue
            whole = Counted(1, len(of.people))
            _add(totals, (), whole)
            if not self._by:
                continue
            if not of_people:
                for codes in self._codes_of(of, None):
                    _add(totals, codes, whole)
                continue
            for person in of.people:
                for codes in self._codes_of(of, person):
                    _add(totals, codes, Counted(0, 1))
        return {codes: Counted(*total) for codes, total in totals.items()}

    def _codes_of(self, of: Coded, person: Person | None) -> Iterator[Codes]:
        """Where a household, or one person of it, counts: more than once only by any cause."""
        yield from product(*(self._values(name, of, person) for name in self._by))

    def _values(self, name: str, of: Coded, person: Person | None) -> Sequence[str]:
        match name:
            case "region":
                return (of.village_id[: self._child_digits],)
            case "status" | "attribute":
                return (self._code(name, getattr(of, name)),)
            case "cause" | "cause8":
                return (self._code(name, of.cause),)
            case "any-cause":
                return [self._code(name, cause) for cause in (of.cause, *of.other_causes)]
            case "size":
                return (str(len(of.people)),)
            case "age":
                assert person is not None
                return (self._code(name, person.birth_year),)
            case _:
                value: int = getattr(person, name.replace("-", "_"))
                return (self._code(name, value),)

    def _code(self, name: str, value: int) -> str:
        match name:
            case "cause8":
                return self._words.cause8.get(value, "")
            case "age":
                return self._words.age(value, self._at.as_of)
            case "size":
                return str(value)
            case "at-school":
                return "yes" if value else "no"
            case _:
                return code_by_number(_ENUM_OF_LIST[self._words.table["by"][name]["codes"]]).get(
                    value, ""
                )


def _add(totals: dict[Codes, list[int]], codes: Codes, counted: Counted) -> None:
    total = totals[codes]
    total[0] += counted.households
    total[1] += counted.people


def withhold(totals: Mapping[Codes, Counted], below: int) -> set[Codes]:
    """Cells of fewer than `below` people; a single one could be found from the total, so the next
    smallest goes with it.
    """
    small = {codes for codes, counted in totals.items() if 0 < counted.people < below}
    others = [codes for codes, counted in totals.items() if codes not in small and counted.people]
    if len(small) == 1 and others:
        small.add(min(others, key=lambda codes: (totals[codes].people, codes)))
    return small
