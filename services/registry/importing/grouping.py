"""The rows of a file put together to households, nothing of them interpreted yet."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from services.registry.importing.cells import BadCell, digits, plain, said
from services.registry.importing.columns import SHARED, CodeLists, folded
from services.registry.importing.households import Interpreter, RowFault
from services.registry.importing.reading import TITLE_ROWS_MAX, Reading, Record
from services.registry.importing.villages import Villages
from tuopin.registry.v1.household_pb2 import RELATION_HEAD
from tuopin.registry.v1.import_pb2 import ImportHeader

NUMBER = "household_number"


class HeaderUnusable(Exception):
    """Columns are missing, doubled or unknown: the rows below mean nothing for certain."""


@dataclass(slots=True)
class RawHousehold:
    """The rows of one household as they stand; `faults` are those of the rows themselves."""

    number: str
    # Where the number comes from.
    source: str
    # Row that names it.
    row: int
    records: list[Record] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    notes: list[RowFault] = field(default_factory=list)
    # Keyed digest of all that its rows say; b"" when a fault makes it pointless.
    digest: bytes = b""

    @property
    def key(self) -> tuple[str, str]:
        """What names it."""
        return self.number, self.source


class Grouping:
    """Feed it pieces of a file, then finish."""

    def __init__(
        self,
        codes: CodeLists,
        header: ImportHeader,
        villages: Villages,
        folder: Path,
        keyed_digest: Callable[[bytes], bytes],
    ) -> None:
        self._codes = codes
        self._header = header
        self._villages = villages
        self._keyed_digest = keyed_digest
        self._reading = Reading(folder, codes.is_header)
        self._titles: list[Record] = []
        self._columns = 0
        self._number_place = 0
        self._relation_place = 0
        self._source_place: int | None = None
        # Number and source as the row before wrote them.
        self._said: tuple[str, str] | None = None
        self._group: RawHousehold | None = None
        self._shared_cells: Callable[[list[str]], tuple[str, ...]] = tuple
        self._known_cells: Callable[[list[str]], tuple[str, ...]] = tuple
        # What goes into every digest: columns and the words they are read with.
        self._context = b""
        self.interpreter: Interpreter | None = None
        self.rows = 0
        # Columns as the file writes them.
        self.header: dict[str, str] = {}
        self.header_row = 1
        # Faults of the file as a whole; taken by whoever validates.
        self.faults: list[RowFault] = []

    def feed(self, piece: bytes) -> Iterator[RawHousehold]:
        """The households that are complete with this piece."""
        yield from self._grouped(self._reading.feed(piece))

    def finish(self) -> Iterator[RawHousehold]:
        """The last households of the file."""
        yield from self._grouped(self._reading.finish())
        if self.interpreter is None and self._titles:
            # No row looks like a header: the first one is told what it lacks.
            records, self._titles = self._titles, []
            self._open(*records[0])
        yield from self._ended()

    def close(self) -> None:
        self._reading.close()

    def _grouped(self, records: Iterable[Record]) -> Iterator[RawHousehold]:
        for row, cells in records:
            if self.interpreter is None:
                self._look_for_header(row, cells)
            else:
                self.rows += 1
                yield from self._placed(row, cells)

    # The header

    def _look_for_header(self, row: int, cells: list[str]) -> None:
        if self._codes.is_header(cells):
            self._open(row, cells)
            return
        self._titles.append((row, cells))
        if len(self._titles) == TITLE_ROWS_MAX:
            self._open(*self._titles[0])

    def _open(self, row: int, cells: list[str]) -> None:
        places, faults = self._codes.places(cells, self._header.columns)
        self.header_row = row
        self.header = {column: cells[place].strip() for column, place in places.items()}
        if faults:
            self.faults += [
                RowFault(row, fault.column, fault.slug, {"column": fault.column})
                for fault in faults
            ]
            raise HeaderUnusable
        self._columns = len(cells)
        self._number_place = places[NUMBER]
        self._relation_place = places["relation"]
        self._source_place = places.get("source")
        self._shared_cells = _getter(places[each] for each in SHARED if each in places)
        self._known_cells = _getter(places[each] for each in sorted(places))
        self._context = "\x1f".join([*sorted(places), self._codes.edition]).encode()
        self.interpreter = Interpreter(
            places,
            self._codes,
            self._header,
            self._villages,
            dates_from_1904=self._reading.dates_from_1904,
        )

    # The rows

    def _placed(self, row: int, cells: list[str]) -> Iterator[RawHousehold]:
        fault = None
        if len(cells) != self._columns:
            fault = self._fitted(row, cells)
        names = self._names_in(cells)
        if names != self._said:
            number, bad = self._number_of(row, names[0])
            source = plain(names[1]) or (self._group.source if self._group else self._header.source)
            if number and (self._group is None or (number, source) != self._group.key):
                yield from self._ended()
                self._group = RawHousehold(number, source, row)
            if number:
                self._said = names
            elif fault is None and bad is None and self._continues(cells):
                assert self._group is not None
                self._group.notes.append(
                    RowFault(row, NUMBER, "household-number-from-above", note=True)
                )
            else:
                fault = fault or bad or RowFault(row, NUMBER, "value-required")
        if self._group is None:
            self._group = RawHousehold("", "", row)
        if fault is not None:
            self._group.faults.append(fault)
        else:
            self._group.records.append((row, cells))

    def _names_in(self, cells: list[str]) -> tuple[str, str]:
        number = cells[self._number_place] if self._number_place < len(cells) else ""
        place = self._source_place
        return number, cells[place] if place is not None and place < len(cells) else ""

    def _fitted(self, row: int, cells: list[str]) -> RowFault | None:
        """Cells beyond the header hold nothing, or the row cannot be trusted."""
        if len(cells) > self._columns and not any(map(str.strip, cells[self._columns :])):
            del cells[self._columns :]
            return None
        if len(cells) < self._columns and self._reading.is_xlsx:
            cells.extend([""] * (self._columns - len(cells)))
            return None
        details = {"cells": len(cells), "columns": self._columns}
        return RowFault(row, "", "row-of-other-length", details)

    def _number_of(self, row: int, text: str) -> tuple[str, RowFault | None]:
        try:
            return digits(said(text)), None
        except BadCell as bad:
            return "", RowFault(row, NUMBER, bad.slug, bad.details)

    def _continues(self, cells: list[str]) -> bool:
        """A member below the head, where the number was written once for the whole household."""
        if self._group is None or not self._group.records:
            return False
        relation = self._codes.lists["relation"].get(folded(cells[self._relation_place]))
        first = self._shared_cells(self._group.records[0][1])
        silent = all(
            not mine.strip() or mine == theirs
            for mine, theirs in zip(self._shared_cells(cells), first, strict=True)
        )
        return relation is not None and relation != RELATION_HEAD and silent

    def _ended(self) -> Iterator[RawHousehold]:
        group, self._group, self._said = self._group, None, None
        if group is None:
            return
        if not group.faults:
            parts = ["\x1f".join(self._known_cells(cells)) for _, cells in group.records]
            group.digest = self._keyed_digest(self._context + "\x1e".join(parts).encode())
        yield group


def _getter(places: Iterable[int]) -> Callable[[list[str]], tuple[str, ...]]:
    wanted = tuple(places)
    if len(wanted) > 1:
        return itemgetter(*wanted)
    return lambda cells: tuple(cells[place] for place in wanted)
